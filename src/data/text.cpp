// Lines in blocks: counting, parallel parsing, and the first faulty line of the file.
#include "text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "number.hpp"
#include "parallel.hpp"

namespace sounder {
namespace {

/// Occurrences of `c`. In runs short enough for 8-bit sums, which the compiler turns into wide vectors.
std::size_t occurrences(const char* begin, const char* end, char c) {
  std::size_t sum = 0;
  while (begin < end) {
    const char* const stop = begin + std::min<std::ptrdiff_t>(end - begin, 255);
    std::uint8_t run = 0;
    for (; begin < stop; ++begin) run = static_cast<std::uint8_t>(run + (*begin == c ? 1 : 0));
    sum += run;
  }
  return sum;
}

}  // namespace

Blocks::Blocks(std::string_view text, std::size_t block_bytes, char mark) {
  if (!text.empty() && text.back() != '\n') {
    const std::size_t whole = text.rfind('\n') + 1;  // npos + 1 is 0: the only line
    tail_.assign(text.substr(whole)).push_back('\n');
    text = text.substr(0, whole);
  }
  for (const char *begin = text.data(), *const end = begin + text.size(); begin < end;) {
    const std::size_t reach = std::min(block_bytes, static_cast<std::size_t>(end - begin)) - 1;
    const char* const stop =
        static_cast<const char*>(std::memchr(begin + reach, '\n', static_cast<std::size_t>(end - begin) - reach)) + 1;
    blocks_.push_back({.begin = begin, .end = stop});
    begin = stop;
  }
  if (!tail_.empty()) blocks_.push_back({.begin = tail_.data(), .end = tail_.data() + tail_.size()});

  parallel_ranges(blocks_.size(), 1, [&](std::size_t first, std::size_t last) {
    for (Block* block = &blocks_[first]; block != blocks_.data() + last; ++block) {
      block->examples = occurrences(block->begin, block->end, '\n');
      block->entries = occurrences(block->begin, block->end, mark);
    }
  });
  for (Block& block : blocks_) {
    block.line = 1 + lines_;
    block.first_example = lines_;
    block.first_entry = marks_;
    lines_ += block.examples;
    marks_ += block.entries;
    block.examples = block.entries = 0;
  }
}

void Blocks::parse(const std::function<void(Block&)>& parse) {
  parallel_ranges(blocks_.size(), 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      try {
        parse(blocks_[i]);
      } catch (Fault& fault) {
        blocks_[i].fault = std::move(fault);
      }
    }
  });
}

const Fault* Blocks::first_fault() const {
  for (const Block& block : blocks_)  // in the order of their lines
    if (block.fault) return &*block.fault;
  return nullptr;
}

std::string_view lines_of(std::string_view text, Part part) {
  const auto next_line = [&](std::size_t at) {  // the first that begins at `at` or behind
    const std::size_t end = at == 0 ? 0 : text.find('\n', at - 1);
    return at == 0 ? 0 : std::min(end, text.size() - 1) + 1;  // npos: there is none
  };
  const auto [begin, end] = part.of(text.size());
  if (begin == end) return text.substr(begin, 0);
  const std::size_t first = next_line(begin);
  return text.substr(first, next_line(end) - first);
}

std::string_view token(const char* p) {
  const char* end = p;
  while (!is_blank(*end) && *end != '\n') ++end;
  return {p, static_cast<std::size_t>(end - p)};
}

std::string quoted(std::string_view token) {
  constexpr std::size_t kMost = 24;
  std::string result;
  for (const char c : token.substr(0, kMost))
    result += c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return fmt::format("\"{}{}\"", result, token.size() > kMost ? "..." : "");
}

}  // namespace sounder
