// What the programs of the papers share: words on the command line, a record a line on stdout, errors in one sentence.
#pragma once

#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sounder/error.hpp>
#include <sounder/modes.hpp>

namespace sounder::papers {

using Json = nlohmann::ordered_json;
inline void print(const Json& record) { std::printf("%s\n", record.dump().c_str()); }

/// The words behind the name of a program, in order.
class Words {
 public:
  Words(int argc, const char* const* argv, std::string usage) : words_(argv + 1, argv + argc), usage_(std::move(usage)) {}

  std::string text() {
    if (next_ == words_.size()) throw Error(fmt::format("a word is missing; usage: {}", usage_));
    return words_[next_++];
  }
  Mode mode() {
    const std::string word = text();
    const auto mode = from_name(kModes, word);
    if (!mode) throw Error(fmt::format("\"{}\" is no mode: give one of {}", word, names_of(kModes)));
    return *mode;
  }
  template <class Number>
  Number number(Number least) {
    const std::string word = text();
    Number value{};
    const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
    if (result.ec != std::errc{} || result.ptr != word.data() + word.size() || value < least)
      throw Error(fmt::format("\"{}\" is no number from {} on; usage: {}", word, least, usage_));
    return value;
  }

 private:
  std::vector<std::string> words_;
  std::string usage_;
  std::size_t next_ = 0;
};

/// Exit status: 0, or 2 with one sentence on stderr.
template <class Body>
int main_of(int argc, const char* const* argv, const char* usage, Body body) {
  try {
    body(Words(argc, argv, usage));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", usage, error.what());
    return 2;
  }
}

}  // namespace sounder::papers
