// The reader of libsvm text: `label id:value id:value ...`, one example a line.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "facts.hpp"
#include "number.hpp"
#include "parallel.hpp"
#include "text.hpp"

namespace sounder {
namespace {

using FirstLines = decltype(PartFacts::first_labels);

/// Whether a line that is no libsvm example could be a rating: three fields, no `id:value`.
bool looks_like_rating(const char* p) {
  int separators = 0;
  for (; *p != '\n'; ++p) {
    if (p[0] == ':' && p[1] == ':') return true;
    if (*p == ':') return false;
    if ((*p == '\t' || *p == ',' || *p == ' ') && !is_blank(p[1]) && p[1] != '\n') ++separators;
  }
  return separators >= 2;
}

/// Parses the lines of one block into their place in the arrays.
class LineParser {
 public:
  LineParser(Block& block, Format format, Columns& columns, FirstLines& labels)
      : block_(block),
        format_(format),
        line_(block.line),
        ids_(columns.ids.data() + block.first_entry),
        values_(columns.values.data() + block.first_entry),
        labels_(columns.labels.data() + block.first_example),
        ends_(columns.offsets.data() + block.first_example + 1),
        first_lines_(labels) {}

  /// Returns whether every value is 1.
  bool run() {
    for (const char* p = block_.begin; p < block_.end; ++line_) {
      while (is_blank(*p)) ++p;
      if (*p != '\n' && *p != '#') p = example(p);
      if (*p == '#') p = static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(block_.end - p)));
      ++p;
    }
    return all_one_;
  }

 private:
  [[noreturn]] void fail(std::string what) const { throw Fault{line_, std::move(what)}; }

  const char* example(const char* p) {
    start_ = p;
    p = label(p);
    const std::size_t first = entries_;
    bool ascending = true;
    for (;;) {
      if (!is_blank(*p)) {
        if (*p == '\n' || *p == '#') break;
        fail(fmt::format("{} follows a number where a blank is due", quoted(token(p))));
      }
      while (is_blank(*p)) ++p;
      if (*p == '\n' || *p == '#') break;
      p = entry(p);
      if (entries_ - first > 1 && ids_[entries_ - 1] <= ids_[entries_ - 2]) ascending = false;
    }
    if (!ascending) refuse_duplicate(first);
    if (format_ == Format::cut) check_term(values_ + first, entries_ - first, labels_[block_.examples]);
    ends_[block_.examples++] = block_.first_entry + entries_;
    block_.entries = entries_;
    return p;
  }

  const char* label(const char* p) {
    float value = 0;
    const char* const end = read_float(p, value);
    const bool number = end && (is_blank(*end) || *end == '\n' || *end == '#');
    if (!number || !allowed(value)) fail(bad_label(p, number));
    if (format_ == Format::classification) {
      std::uint64_t& first_line = first_lines_[static_cast<std::size_t>(value + 1)];
      if (first_line == 0) first_line = line_;
      if (value == 0) value = -1;
    }
    labels_[block_.examples] = value;
    return end;
  }

  bool allowed(float label) const {
    const bool whole = label == std::floor(label);
    switch (format_) {
      case Format::multiclass:
        return whole && std::abs(label) < 0x1p24f;  // floats tell all whole numbers below this apart
      case Format::cut:
        return whole && label >= 0 && label < 1024;
      case Format::regression:
        return true;
      default:
        return label == -1 || label == 0 || label == 1;
    }
  }

  /// What a label must be, and what to do if the labels are others.
  struct Rule {
    const char *what, *otherwise;
  };
  Rule rule() const {
    switch (format_) {
      case Format::multiclass:
        return {"a whole number from -16777215 to 16777215",
                "; if labels are numbers, use a model for regression (--model squared)"};
      case Format::cut:
        return {"a whole number from 0 to 1023", ""};
      case Format::regression:
        return {"a finite number", ""};
      default:
        return {"one of -1, +1 or 0, 1", "; if there are several classes, use a model for them (--model softmax)"};
    }
  }

  std::string bad_label(const char* p, bool number) const {
    return fmt::format("label {} is not {}{}", quoted(token(p)), rule().what,
                       looks_like_rating(start_) ? "; if these are ratings, use a model for ratings (--model mf)"
                       : number                  ? rule().otherwise
                                                 : "");
  }

  const char* entry(const char* p) {
    std::uint32_t id = 0;
    float value = 0;
    const char* const colon = read_id(p, id);
    if (!colon || *colon != ':') fail(bad_id(p));
    const char* const end = read_value(colon + 1, value);
    if (!end) fail(fmt::format("value {} of id {} is not a finite number", quoted(token(colon + 1)), id));
    ids_[entries_] = id;  // there is room: every entry has a colon
    values_[entries_++] = value;
    all_one_ &= value == 1;
    return end;
  }

  /// Most values are counts of one digit.
  static const char* read_value(const char* p, float& value) {
    if (is_digit(p[0]) && is_blank(p[1])) {
      value = static_cast<float>(p[0] - '0');
      return p + 1;
    }
    return read_float(p, value);
  }

  std::string bad_id(const char* p) const {
    std::uint32_t id;
    if (std::strncmp(p, "qid:", 4) == 0) return "qid: marks ranking data, which no model here learns; remove it";
    const char* digits = p;
    while (is_digit(*digits)) ++digits;
    if (digits > p && *digits == ':' && !read_id(p, id))
      return fmt::format("id of {} is too large; ids go up to 4294967294", quoted(token(p)));
    if (digits > p && (is_blank(*digits) || *digits == '\n'))
      return fmt::format(
          "{} is an id without a value; write id:value{}", quoted(token(p)),
          looks_like_rating(start_) ? ", or use a model for ratings (--model mf) if these are ratings" : "");
    return fmt::format("{} is not id:value with a whole id of 0 or more", quoted(token(p)));
  }

  /// A terminal or an edge of a graph.
  void check_term(const float* values, std::size_t size, float label) const {
    if (size != 1 && size != 2)
      fail(fmt::format("{} ids in one example; give a terminal as label u:strength, an edge as 0 u:weight v:weight",
                       size));
    if (values[0] < 0) fail(fmt::format("the negative weight {}; graph cuts need 0 or more", values[0]));
    if (size == 2 && (values[0] != values[1] || label != 0))
      fail("an edge needs the label 0 and the same weight twice: 0 u:weight v:weight");
  }

  void refuse_duplicate(std::size_t first) const {
    std::vector<std::uint32_t> sorted(ids_ + first, ids_ + entries_);
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail(fmt::format("id {} occurs twice in one example; keep one of them", *twice));
  }

  Block& block_;
  Format format_;
  const char* start_ = nullptr;  ///< of the current line
  std::size_t line_, entries_ = 0;
  std::uint32_t* ids_;
  float* values_;
  float* labels_;
  std::uint64_t* ends_;
  FirstLines& first_lines_;
  bool all_one_ = true;
};

/// Closes the gaps that comments and blank lines left between the blocks.
void close_gaps(Columns& columns, const std::vector<Block>& blocks) {
  std::size_t examples = 0, entries = 0;
  for (const Block& block : blocks) {
    const std::size_t gap = block.first_entry - entries;
    if (gap > 0) {
      std::copy_n(columns.ids.data() + block.first_entry, block.entries, columns.ids.data() + entries);
      std::copy_n(columns.values.data() + block.first_entry, block.entries, columns.values.data() + entries);
    }
    if (gap > 0 || block.first_example > examples)
      for (std::size_t i = 0; i < block.examples; ++i) {
        columns.labels[examples + i] = columns.labels[block.first_example + i];
        columns.offsets[examples + i + 1] = columns.offsets[block.first_example + i + 1] - gap;
      }
    examples += block.examples;
    entries += block.entries;
  }
  columns.ids.resize(entries);
  columns.values.resize(entries);
  columns.labels.resize(examples);
  columns.offsets.resize(examples + 1);
}

}  // namespace

LoadedPart read_libsvm_part(const Text& text, Format format, Part part, std::size_t block_bytes) {
  Blocks blocks(lines_of(text.view(), part), block_bytes, ':');
  LoadedPart result;
  auto& [columns, facts] = result;
  parallel_invoke([&] { result.columns.ids.resize(blocks.marks()); }, [&] { result.columns.values.resize(blocks.marks()); },
                  [&] { result.columns.labels.resize(blocks.lines()); },
                  [&] { result.columns.offsets.resize(blocks.lines() + 1); });
  std::vector<char> all_one(blocks.all().size());
  std::vector<FirstLines> labels(blocks.all().size());
  blocks.parse([&](Block& block) {
    const auto k = static_cast<std::size_t>(&block - blocks.all().data());
    all_one[k] = LineParser(block, format, result.columns, labels[k]).run();
  });
  facts.bytes = text.view().size();
  facts.lines = blocks.lines();
  for (const FirstLines& block : labels)
    for (std::size_t k = 0; k < block.size(); ++k)
      if (facts.first_labels[k] == 0) facts.first_labels[k] = block[k];
  if (const Fault* fault = blocks.first_fault()) {
    facts.fault_line = fault->line;
    facts.fault = fault->what;
    return result;
  }
  close_gaps(columns, blocks.all());
  facts.all_ones = format != Format::cut && std::find(all_one.begin(), all_one.end(), char{0}) == all_one.end();
  return result;
}

Columns read_libsvm(const Text& text, Format format, std::size_t block_bytes) {
  return checked(read_libsvm_part(text, format, {}, block_bytes), text.path(), format);
}

}  // namespace sounder
