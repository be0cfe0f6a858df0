// Sources read in parts: the parts put together are the whole, and a fault is told alike to all.
#include <string>
#include <vector>

#include <sys/stat.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/part.hpp>
#include <sounder/data/random.hpp>

#include "data/files.hpp"
#include "data/text.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// What every part becomes.
std::vector<Columns> parts_of(const std::string& source, const LoadOptions& options, int count) {
  std::vector<LoadedPart> loaded;
  std::vector<PartFacts> facts;
  for (int index = 0; index < count; ++index) {
    loaded.push_back(load_part(source, options, {index, count}));
    facts.push_back(loaded.back().facts);
  }
  std::vector<Columns> parts;
  for (LoadedPart& part : loaded) parts.push_back(settle(std::move(part), facts, options));
  return parts;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void parts_are_the_whole(const std::string& source, const LoadOptions& options = {}) {
  const Columns whole = load(source, options);
  for (const int count : {1, 2, 3, 7, 50}) {
    CAPTURE(count);
    Columns joined;
    if (!whole.offsets.empty()) joined.offsets.push_back(0);
    for (const Columns& part : parts_of(source, options, count)) {
      for (std::size_t i = 1; i < part.offsets.size(); ++i) joined.offsets.push_back(joined.ids.size() + part.offsets[i]);
      append(joined.ids, part.ids);
      append(joined.values, part.values);
      append(joined.labels, part.labels);
      CHECK(part.classes == whole.classes);
      CHECK(part.width == whole.width);
      CHECK(part.spaces == whole.spaces);
      CHECK(part.name == whole.name);
    }
    CHECK(joined.offsets == whole.offsets);
    CHECK(joined.ids == whole.ids);
    CHECK(joined.values == whole.values);
    CHECK(joined.labels == whole.labels);
    CHECK(load_part(source, options, {count, count}).facts.examples == 0);
  }
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a part holds the lines that begin in it, and touches no others") {
    Random random(1);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (std::uint64_t left = random.below(60); left > 0; --left) text += random.below(4) ? 'x' : '\n';
      for (const int count : {1, 2, 3, 10, 100}) {
        std::string joined;
        for (int index = 0; index < count; ++index) {
          const auto [begin, end] = Part{index, count}.of(text.size());
          const std::string_view lines = lines_of(text, {index, count});
          const auto first = static_cast<std::size_t>(lines.data() - text.data());
          if (!lines.empty()) {
            CHECK((first == 0 || text[first - 1] == '\n'));
            CHECK(first >= begin);
            const std::size_t last = lines.substr(0, lines.size() - 1).rfind('\n') + 1;  // where its last line begins
            CHECK(first + last < end);
          }
          joined += lines;
        }
        CHECK(joined == text);
        CHECK(lines_of(text, {count, count}).empty());
      }
    }
  }

  TEST_CASE("parts of files and of generated sets put together are the whole") {
    std::string text, ones, images("\0\0\x08\x03\0\0\0\x05\0\0\0\x02\0\0\0\x01", 16), labels("\0\0\x08\x01\0\0\0\x05", 8);
    for (int i = 0; i < 40; ++i) {
      text += fmt::format("{}{} {}:{}\n", i % 5 ? "" : "# 1:1\n\n", i % 3 ? 1 : -1, i % 7, i);
      ones += fmt::format("1 {}:1\n", i);
    }
    for (char i = 0; i < 5; ++i) images += {i, static_cast<char>(9 * i)}, labels += static_cast<char>(i % 2);
    text.pop_back();
    const TempFile file(text), gzip(gzipped(text), ".gz"), all_ones(ones), but_one(ones + "1 3:2\n");
    const TempFile pictures(images, "-images-idx3");
    for (const TempFile* f : {&file, &gzip, &all_ones, &but_one}) parts_are_the_whole(f->path());
    parts_are_the_whole(file.path(), {.format = Format::multiclass, .transform = TransformName::log1p});
    parts_are_the_whole(all_ones.path(), {.normalize = NormalizeName::l2});

    std::string beside = pictures.path();
    beside.replace(beside.rfind("images-idx3"), 11, "labels-idx1");
    std::ofstream(beside, std::ios::binary) << labels;
    parts_are_the_whole(pictures.path(), {.format = Format::multiclass});
    std::filesystem::remove(beside);

    parts_are_the_whole("synthetic:zipf,examples=40");
    parts_are_the_whole("synthetic:cold,examples=40", {.format = Format::regression});
    parts_are_the_whole("synthetic:dense,examples=40");
    parts_are_the_whole("synthetic:netflix,examples=40,users=20,items=20", {.format = Format::ratings});
  }

  TEST_CASE("a fault is told with the line of the file by every part, also by those that hold none") {
    const TempFile file("# one\n1 1:2\n\n-1 1:2\n1 1:x\n1 2:y\n-1 1:1\n");
    std::vector<PartFacts> facts;
    for (int index = 0; index < 4; ++index) facts.push_back(load_part(file.path(), {}, {index, 4}).facts);
    for (int index = 0; index < 4; ++index)
      CHECK(message_of([&] { (void)settle(load_part(file.path(), {}, {index, 4}), facts, {}); }) ==
            file.path() + ":5: value \"x\" of id 1 is not a finite number");
  }

  TEST_CASE("a pipe cannot be read in parts") {
    const std::string path = TempFile("").path();
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(contains(message_of([&] { (void)load_part(path, {}, {0, 2}); }), "is not a regular file, and only one rank can read it"));
    std::filesystem::remove(path);
  }
}
