// Images in the IDX format: pixels, labels beside them, and every way in which the files can be wrong.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/load.hpp>

#include "data/files.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Floats = std::vector<float>;

constexpr LoadOptions kMulticlass{.format = Format::multiclass};

std::string bytes(const std::vector<int>& values) { return {values.begin(), values.end()}; }

/// `words` as big-endian 32 bits, then bytes.
std::string idx(const std::vector<std::uint32_t>& words, const std::vector<int>& values) {
  std::string content;
  for (const std::uint32_t word : words)
    for (int shift = 24; shift >= 0; shift -= 8) content += static_cast<char>(word >> shift & 255);
  return content + bytes(values);
}

const std::string kImages = idx({0x803, 3, 1, 2}, {0, 255, 51, 102, 204, 1});
const std::string kLabels = idx({0x801, 3}, {9, 0, 200});

/// A folder whose files are gone when it ends.
class Folder {
 public:
  Folder() { std::filesystem::create_directory(path_); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string add(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("sounder-idx-" + std::to_string(::getpid()));
};

/// The error for these images and labels, without the name of the folder.
std::string refused(const std::string& images, const std::string& labels, const LoadOptions& options = kMulticlass) {
  const Folder folder;
  const std::string path = folder.add("t-images-idx3-ubyte", images), parent = path.substr(0, path.rfind('/') + 1);
  if (!labels.empty()) (void)folder.add("t-labels-idx1-ubyte", labels);
  std::string message = message_of([&] { (void)load(path, options); });
  for (auto at = message.find(parent); at != std::string::npos; at = message.find(parent))
    message.erase(at, parent.size());
  return message;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("idx: pixels from 0 to 1, labels as they are, however the two are compressed and called") {
    const struct {
      const char *images, *labels;
    } names[] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                 {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"},
                 {"train-images-idx3-ubyte.xz", "train-labels-idx1-ubyte"},
                 {"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"},
                 {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.xz"},
                 {"t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"},
                 {"my images", "my labels"}};
    const auto packed = [](std::string_view name, const std::string& content) {
      return name.ends_with(".gz") ? gzipped(content) : name.ends_with(".xz") ? xzipped(content) : content;
    };
    for (const auto& name : names) {
      CAPTURE(name.images);
      const Folder folder;
      (void)folder.add(name.labels, packed(name.labels, kLabels));
      const std::string path = folder.add(name.images, packed(name.images, kImages));
      const Columns columns = load(path, kMulticlass);
      CHECK(columns.values == Floats{0, 1, 0.2f, 0.4f, 0.8f, 1.f / 255});
      CHECK(columns.width == 2);
      CHECK(columns.classes == Floats{0, 9, 200});
      CHECK(columns.labels == Floats{1, 0, 2});
      CHECK(Dataset::train(columns).dense());
      CHECK(load(path, {.format = Format::regression}).labels == Floats{9, 0, 200});
    }
  }

  TEST_CASE("idx: only the name of the file is changed, not that of its folder") {
    const Folder folder;
    const std::string path = folder.add("images", kImages), parent = path.substr(0, path.rfind('/'));
    std::filesystem::create_directory(parent + "/images-idx3");
    std::ofstream(parent + "/images-idx3/images", std::ios::binary) << kImages;
    std::ofstream(parent + "/images-idx3/labels", std::ios::binary) << kLabels;
    CHECK(load(parent + "/images-idx3/images", kMulticlass).examples() == 3);
    CHECK(contains(message_of([&] { (void)load(path, kMulticlass); }), "put them there as labels"));
  }

  TEST_CASE("idx: what is refused") {
    CHECK(refused(kImages, kLabels) == "");
    CHECK(refused(kImages, "") ==
          "t-images-idx3-ubyte: the labels of these images are not beside it; put them there as t-labels-idx1-ubyte");
    CHECK(
        refused(kImages, idx({0x801, 2}, {1, 2})) ==
        "t-labels-idx1-ubyte holds 2 labels for the 3 images of t-images-idx3-ubyte; give the labels of these images");
    CHECK(refused(kImages.substr(0, 21), kLabels) ==
          "t-images-idx3-ubyte: the header says 3 images, but the file is cut short after 2; get the file again");
    CHECK(contains(refused(kImages.substr(0, 9), kLabels), "t-images-idx3-ubyte is cut short within its header"));
    CHECK(contains(refused(kImages + "ab", kLabels), "the header says 3 images, but 2 more bytes follow"));
    CHECK(contains(refused(kImages, kLabels.substr(0, 10)),
                   "t-labels-idx1-ubyte: the header says 3 labels, but the file "
                   "is cut short after 2"));
    CHECK(contains(refused(kImages, idx({0x801}, {})), "t-labels-idx1-ubyte is cut short within its header"));
    CHECK(contains(refused(kImages, kImages),
                   "t-labels-idx1-ubyte starts with 0x00000803, not 0x00000801 as IDX labels "
                   "do; give a file of labels"));
    CHECK(contains(refused(kImages, "ab"), "starts with 0x00000000, not 0x00000801"));
    CHECK(contains(refused(kLabels, kLabels),
                   "t-images-idx3-ubyte starts with 0x00000801, not 0x00000803 as IDX images "
                   "do; give a file of images"));
    CHECK(contains(refused(idx({0xd03, 1, 1, 1}, {0, 0, 0, 0}), kLabels), "starts with 0x00000d03"));
    for (const std::vector<std::uint32_t>& shape : std::vector<std::vector<std::uint32_t>>{
             {0x803, 0, 28, 28}, {0x803, 3, 0, 2}, {0x803, 3, 1, 0}, {0x803, 1, 4097, 4096}, {0x803, 1, ~0u, ~0u}})
      CHECK(contains(refused(idx(shape, {0, 0}), kLabels), " pixels; give at least one, of 1 to 16777216 pixels"));
    CHECK(
        contains(refused(idx({0x803, ~0u, 4096, 4096}, {0}), kLabels), "cut short after 0"));  // and nothing allocated
    CHECK(contains(refused(kImages, kLabels, {}),
                   "t-images-idx3-ubyte holds examples of several classes; use a model for "
                   "several classes (--model softmax)"));
    CHECK(contains(refused(kImages, kLabels, {.format = Format::ratings}), "holds examples of several classes"));
    const TempFile nameless(kImages, ".idx");
    CHECK(contains(message_of([&] { (void)load(nameless.path(), kMulticlass); }),
                   "its name has no \"images\" to replace"));
  }
}
