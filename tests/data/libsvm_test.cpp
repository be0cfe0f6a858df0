// The libsvm reader: what it takes, what it refuses and where, against a naive parser over many blocks.
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/load.hpp>
#include <sounder/data/random.hpp>

#include "data/files.hpp"
#include "data/text.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Offsets = std::vector<std::uint64_t>;
using Ids = std::vector<std::uint32_t>;
using Floats = std::vector<float>;

Columns read(std::string_view text, std::size_t block_bytes = 64, Format format = Format::classification) {
  return read_libsvm(Text(TempFile(text).path()), format, block_bytes);
}

/// The error for a text, with "FILE" for the name of the file.
std::string error_of(std::string_view text, std::size_t block_bytes = 64, Format format = Format::classification) {
  const TempFile file(text);
  std::string message = message_of([&] { read_libsvm(Text(file.path()), format, block_bytes); });
  if (const auto at = message.find(file.path()); at != std::string::npos)
    message.replace(at, file.path().size(), "FILE");
  return message;
}

/// An independent, naive reader of good text.
Columns naive(const std::string& text) {
  Columns columns;
  columns.offsets = {0};
  std::istringstream lines(text);
  bool all_one = true;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    if (!(words >> word)) continue;
    columns.labels.push_back(std::strtof(word.c_str(), nullptr) > 0 ? 1.f : -1.f);
    while (words >> word) {
      columns.ids.push_back(static_cast<std::uint32_t>(std::strtoul(word.c_str(), nullptr, 10)));
      columns.values.push_back(std::strtof(word.c_str() + word.find(':') + 1, nullptr));
      all_one &= columns.values.back() == 1;
    }
    columns.offsets.push_back(columns.ids.size());
  }
  if (all_one) columns.values.clear();
  return columns;
}

void same(const Columns& a, const Columns& b) {
  CHECK(a.offsets == b.offsets);
  CHECK(a.ids == b.ids);
  CHECK(a.values == b.values);
  CHECK(a.labels == b.labels);
}

/// Lines of every kind that is allowed.
std::string random_text(std::uint64_t seed, int lines) {
  Random random(seed);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    const std::uint64_t kind = random.below(20);
    if (kind == 0) text += "# a comment with 3:4 in it";
    if (kind == 1) text += "  \t";
    if (kind >= 2) {
      text += random.below(2) ? "+1" : "-1";
      std::uint64_t id = 0;
      for (std::uint64_t left = random.below(30); left > 0; --left) {
        id += 1 + random.below(1000);
        text += fmt::format("{}{}:", random.below(9) ? " " : " \t", id);
        if (const auto shape = random.below(4); shape == 0)
          text += fmt::format("{}", random.below(100));
        else if (shape == 1)
          text += fmt::format("{:.12e}", random.normal());
        else
          text += fmt::format("{:.{}f}", random.normal(), static_cast<int>(shape) * 4);
      }
      if (kind == 2) text += " # 1:2";
    }
    text += kind == 3 ? "\r\n" : "\n";
  }
  return text;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("libsvm: labels, ids, values") {
    const Columns columns = read("+1 1:0.5 7:2\n-1 3:1e-3\n1 2:-4\n-1.0\n1.0 4294967294:1\n");
    CHECK(columns.labels == Floats{1, -1, 1, -1, 1});
    CHECK(columns.offsets == Offsets{0, 2, 3, 4, 4, 5});
    CHECK(columns.ids == Ids{1, 7, 3, 2, 4294967294u});
    CHECK(columns.values == Floats{0.5f, 2, 1e-3f, -4, 1});
    CHECK(columns.spaces == 1);
  }

  TEST_CASE("libsvm: 0 and 1 are labels too, 0-based ids, any order, zero values stay") {
    const Columns columns = read("0 0:1 5:0\n1.0 5:1 0:2\n0.0 1:3\n");
    CHECK(columns.labels == Floats{-1, 1, -1});
    CHECK(columns.ids == Ids{0, 5, 5, 0, 1});
    CHECK(columns.values == Floats{1, 0, 1, 2, 3});
  }

  TEST_CASE("libsvm: comments, blank lines, carriage returns, blanks, no last newline, byte order mark") {
    const Columns expected = read("1 1:2\n-1 3:4\n");
    for (const char* text : {"1 1:2\n-1 3:4", "1 1:2\r\n-1 3:4\r\n", "1 1:2\r\n-1 3:4\r", "# 9:9\n1 1:2\n\n-1 3:4\n\n",
                             "  1\t 1:2  \n\t-1 3:4\t\n", "1 1:2 # 9:9\n-1 3:4#9:9 :\n#",
                             "\xef\xbb\xbf"
                             "1 1:2\n-1 3:4\n"})
      for (const std::size_t block_bytes : {1u, 7u, 1000u}) {
        CAPTURE(text);
        same(read(text, block_bytes), expected);
      }
  }

  TEST_CASE("libsvm: values that are all 1 are not stored, of an empty example neither") {
    CHECK(read("1 1:1 2:1.0\n-1 3:1e0\n").values.empty());
    CHECK(read("1\n-1\n").values.empty());
    CHECK(read("1\n-1\n").offsets == Offsets{0, 0, 0});
    CHECK(read("1 1:1 2:1.0\n-1 3:2\n").values == Floats{1, 1, 2});
  }

  TEST_CASE("libsvm: many blocks agree with a naive parser") {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const std::string text = random_text(seed, 2000);
      const Columns expected = naive(text);
      for (const std::size_t block_bytes : {50u, 1000u, 1u << 20}) same(read(text, block_bytes), expected);
      same(read(gzipped(text), 1000), expected);
      same(read(xzipped(text), 1000), expected);
    }
  }

  TEST_CASE("libsvm: what is refused, and at which line") {
    const struct {
      const char* text;
      const char* message;
    } cases[] = {
        {"1 1:2\n3 1:2\n", "FILE:2: label \"3\" is not one of -1, +1 or 0, 1"},
        {"0.5 1:2\n", "FILE:1: label \"0.5\""},
        {"nan 1:2\n", "FILE:1: label \"nan\""},
        {"1x 1:2\n", "FILE:1: label \"1x\""},
        {"1:2 3:4\n", "FILE:1: label \"1:2\""},
        {"1 1:2\n# 1\n\n-1 1:2\n0 1:2\n", "FILE:5: label 0, but line 4 has label -1; use -1, +1 or 0, 1"},
        {"0 1:2\n-1 1:2\n", "FILE:2: label -1, but line 1 has label 0"},
        {"1 1:2\n-1 7\n", "FILE:2: \"7\" is an id without a value; write id:value"},
        {"1 a:2\n", "FILE:1: \"a:2\" is not id:value"},
        {"1 -3:2\n", "FILE:1: \"-3:2\" is not id:value with a whole id of 0 or more"},
        {"1 1.5:2\n", "FILE:1: \"1.5:2\" is not id:value"},
        {"1 :2\n", "FILE:1: \":2\" is not id:value"},
        {"1 4294967295:2\n", "FILE:1: id of \"4294967295:2\" is too large; ids go up to 4294967294"},
        {"1 1099511627776:2\n", "FILE:1: id of \"1099511627776:2\" is too large"},
        {"1 1:2 1:3\n", "FILE:1: id 1 occurs twice in one example"},
        {"1 5:2 1:3 5:1\n", "FILE:1: id 5 occurs twice in one example"},
        {"1 1:\n", "FILE:1: value \"\" of id 1 is not a finite number"},
        {"1 1: 2\n", "FILE:1: value \"\" of id 1"},
        {"1 1:abc\n", "FILE:1: value \"abc\" of id 1 is not a finite number"},
        {"1 1:nan\n", "FILE:1: value \"nan\" of id 1"},
        {"1 1:-inf\n", "FILE:1: value \"-inf\" of id 1"},
        {"1 1:1e99\n", "FILE:1: value \"1e99\" of id 1"},
        {"1 1:2:3\n", "FILE:1: \":3\" follows a number where a blank is due"},
        {"1 1:2,2:3\n", "FILE:1: \",2:3\" follows a number"},
        {"1 qid:3 1:2\n", "FILE:1: qid: marks ranking data"},
        {"", "FILE is empty"},
        {"# only\n\n \t\n", "FILE: no examples, only comments or blank lines"},
        {"\n", "FILE: no examples"},
        {"1\t31\t2.5\n", "use a model for ratings (--model mf)"},
        {"1\t31\t2.5\n", "FILE:1: "},
        {"12 31 2\n", "use a model for ratings (--model mf)"},
        {"1::1193::5::978300760\n", "use a model for ratings (--model mf)"},
        {"userId,movieId,rating\n1,31,2.5\n", "use a model for ratings (--model mf)"},
    };
    for (const auto& bad : cases)
      for (const std::size_t block_bytes : {1u, 1000u}) {
        CAPTURE(bad.text);
        const std::string message = error_of(bad.text, block_bytes);
        CHECK_MESSAGE(contains(message, bad.message), message);
        CHECK(message.find('\n') == std::string::npos);
      }
  }

  TEST_CASE("libsvm: binary junk is refused with a readable message") {
    Random random(5);
    for (int i = 0; i < 300; ++i) {
      std::string junk = i % 2 ? "\x80" : "";
      for (std::uint64_t left = 1 + random.below(300); left > 0; --left)
        junk += i % 2 ? static_cast<char>(random.below(256)) : "1:# \n\t+-e."[random.below(11)];
      std::string message;
      try {
        (void)read(junk, 16);
      } catch (const Error& error) {
        message = error.what();
        CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
      }
      if (i % 2) CHECK(message != "");
    }
  }

  TEST_CASE("libsvm: the first bad line is reported, in any block and in compressed files") {
    std::string text;
    for (int line = 1; line <= 3000; ++line)
      text += line == 1234                   ? "1 2:x\n"
              : line == 1300 || line == 2999 ? "7 1:1\n"
              : line % 10 == 0               ? "# c\n"
                                             : "-1 1:2 3:4\n";
    for (const std::size_t block_bytes : {1u, 100u, 1u << 20})
      CHECK(contains(error_of(text, block_bytes), "FILE:1234: value \"x\""));
    CHECK(contains(error_of(gzipped(text)), "FILE:1234: "));
    CHECK(contains(error_of(xzipped(text)), "FILE:1234: "));
    text.replace(text.find("-1 1:2"), 2, "+0");  // a mix of labels, established in line 2
    CHECK(contains(error_of(text, 100), "FILE:2: label -1, but line 1 has label 0"));
  }
}
