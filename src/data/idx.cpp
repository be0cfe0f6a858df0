// IDX: a magic number (0, 0, type, number of dimensions), the dimensions as big-endian 32 bits, then the numbers.
#include "idx.hpp"

#include <array>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "parallel.hpp"

namespace sounder {
namespace {

constexpr std::uint32_t kImages = 0x803, kLabels = 0x801;      // bytes in three dimensions and in one
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 24;  // of an image: 4096 x 4096

std::uint32_t word(std::string_view content, std::size_t index) {
  std::uint32_t value = 0;
  for (std::size_t k = 4 * index; k < 4 * index + 4; ++k) value = value << 8 | static_cast<unsigned char>(content[k]);
  return value;
}

/// The numbers behind `words` words of header, of which there must be `count` of `size` bytes.
std::string_view body(const Text& file, std::size_t words, std::uint64_t count, std::uint64_t size, const char* what) {
  const std::string_view bytes = file.view().substr(4 * words);
  if (bytes.size() != count * size)
    throw Error(fmt::format("{}: the header says {} {}, but {}; get the file again", file.path(), count, what,
                            bytes.size() < count * size
                                ? fmt::format("the file is cut short after {}", bytes.size() / size)
                                : fmt::format("{} more bytes follow", bytes.size() - count * size)));
  return bytes;
}

void require_magic(const Text& file, std::uint32_t magic, std::size_t words, const char* what) {
  const std::string_view content = file.view();
  const std::uint32_t found = content.size() < 4 ? 0 : word(content, 0);
  if (found != magic)
    throw Error(fmt::format("{} starts with 0x{:08x}, not 0x{:08x} as IDX {} do; give a file of {}", file.path(), found,
                            magic, what, what));
  if (content.size() < 4 * words)
    throw Error(fmt::format("{} is cut short within its header; get the file again", file.path()));
}

bool replace_last(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.rfind(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return at != std::string::npos;
}

/// The file of labels that belongs to a file of images.
std::string labels_beside(const std::string& images) {
  const std::filesystem::path path(images);
  std::string ending = path.extension().string(), name = path.filename().string();
  if (ending != ".gz" && ending != ".xz") ending.clear();
  name.resize(name.size() - ending.size());
  if (!replace_last(name, "images", "labels"))
    throw Error(
        fmt::format("{} holds images, but its name has no \"images\" to replace by \"labels\" for the file of "
                    "their labels; rename both",
                    images));
  replace_last(name, "idx3", "idx1");
  for (const std::string& end : {ending, std::string(), std::string(".gz"), std::string(".xz")}) {
    const std::filesystem::path candidate = path.parent_path() / (name + end);
    std::error_code ignored;
    if (std::filesystem::exists(candidate, ignored)) return candidate.string();
  }
  throw Error(
      fmt::format("{}: the labels of these images are not beside it; put them there as {}{}", images, name, ending));
}

}  // namespace

bool is_idx(std::string_view content) {
  return content.size() >= 4 && content[0] == 0 && content[1] == 0 && content[2] >= 0x08 && content[2] <= 0x0e;
}

Columns read_idx(const Text& images, Part part) {
  require_magic(images, kImages, 4, "images");
  const std::uint64_t count = word(images.view(), 1), rows = word(images.view(), 2), columns = word(images.view(), 3);
  const std::uint64_t pixels = rows * columns;
  if (count == 0 || pixels == 0 || pixels > kMostPixels)
    throw Error(fmt::format("{}: the header says {} images of {} x {} pixels; give at least one, of 1 to {} pixels",
                            images.path(), count, rows, columns, kMostPixels));
  const std::string_view bytes = body(images, 4, count, pixels, "images");

  const Text labels(labels_beside(images.path()));
  require_magic(labels, kLabels, 2, "labels");
  const std::string_view classes = body(labels, 2, word(labels.view(), 1), 1, "labels");
  if (classes.size() != count)
    throw Error(fmt::format("{} holds {} labels for the {} images of {}; give the labels of these images",
                            labels.path(), classes.size(), count, images.path()));

  std::array<float, 256> scaled;
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] = static_cast<float>(i) / 255.f;
  const auto [begin, end] = part.of(count);
  const std::string_view pixels_of_part = bytes.substr(begin * pixels, (end - begin) * pixels);
  Columns result;
  result.width = static_cast<std::uint32_t>(pixels);
  result.values.resize(pixels_of_part.size());
  parallel_ranges(pixels_of_part.size(), std::size_t{1} << 16, [&](std::size_t first, std::size_t last) {
    for (std::size_t k = first; k < last; ++k) result.values[k] = scaled[static_cast<unsigned char>(pixels_of_part[k])];
  });
  for (const char label : classes.substr(begin, end - begin))
    result.labels.push_back(static_cast<float>(static_cast<unsigned char>(label)));
  return result;
}

}  // namespace sounder
