// The reader of ratings: `user item rating [more]`, one a line.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "facts.hpp"
#include "number.hpp"
#include "parallel.hpp"
#include "text.hpp"

namespace sounder {
namespace {

/// What stands between two fields: one string, or (empty) any run of blanks.
using Separator = std::string_view;

std::string_view name_of(Separator separator) {
  return separator == "\t" ? "tabs" : separator == "," ? "commas" : separator == "::" ? "\"::\"" : "blanks";
}

/// What follows the first field.
Separator separator_of(std::string_view line) {
  line.remove_prefix(line.find_first_not_of(" \t"));
  line.remove_prefix(std::min(line.find_first_of(" \t,:"), line.size()));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  for (const Separator separator : {"::", "\t", ","})
    if (line.substr(0, separator.size()) == separator) return separator;
  return {};
}

bool is_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

/// What stands before the first rating: lines to skip, and how the fields are separated.
struct Start {
  std::string_view rest;
  std::size_t line = 1;
  Separator separator;
};

/// Skips comments, blank lines and one header line, whose first field is no number.
Start find_start(std::string_view text) {
  Start start{text, 1, {}};
  for (bool header = false; !start.rest.empty(); ++start.line) {
    const std::string_view line = start.rest.substr(0, start.rest.find('\n'));
    if (!is_comment(line)) {
      const char first = line[line.find_first_not_of(" \t")];
      if (header || is_digit(first) || first == '-' || first == '+' || line.find('\0') != std::string_view::npos) {
        start.separator = separator_of(line);
        return start;
      }
      header = true;
    }
    start.rest.remove_prefix(std::min(line.size() + 1, start.rest.size()));
  }
  return start;
}

/// Parses the lines of one block into their place in the arrays.
class LineParser {
 public:
  LineParser(Block& block, Separator separator, Columns& columns)
      : block_(block),
        separator_(separator),
        line_(block.line),
        ids_(columns.ids.data() + 2 * block.first_example),
        labels_(columns.labels.data() + block.first_example) {}

  void run() {
    for (const char* p = block_.begin; p < block_.end; ++line_) {
      while (is_blank(*p)) ++p;
      if (*p != '\n' && *p != '#') rating(p);
      while (*p != '\n') ++p;
      ++p;
    }
  }

 private:
  [[noreturn]] void fail(std::string what) const { throw Fault{line_, std::move(what)}; }

  void rating(const char* p) {
    const std::size_t i = block_.examples;
    const char* const start = p;
    p = between(id(p, ids_[2 * i], "user", start), "item", start);
    p = between(id(p, ids_[2 * i + 1], "item", start), "rating", start);
    const char* const end = read_float(p, labels_[i]);
    if (!end || !field_ends(end)) fail(fmt::format("rating {} is not a finite number{}", field(p), hint(start)));
    ++block_.examples;
  }

  const char* id(const char* p, std::uint32_t& id, const char* what, const char* start) const {
    const char* const end = read_id(p, id);
    if (!end || !(field_ends(end)))
      fail(fmt::format("{} {} is not a whole number from 0 to 4294967294{}", what, field(p), hint(start)));
    return end;
  }

  /// Skips what separates two fields; `next` is the one that must follow.
  const char* between(const char* p, const char* next, const char* start) const {
    const char* const end = p;
    while (is_blank(*p) && separator_ != "\t") ++p;
    if (!separator_.empty() && starts_separator(p))
      p += separator_.size();
    else if (!separator_.empty() || p == end || *p == '\n')
      fail(fmt::format("no {} behind {}; each line needs user, item and rating, here separated by {}{}", next,
                       field(start), name_of(separator_), hint(start)));
    while (is_blank(*p) && separator_ != "\t") ++p;
    return p;
  }

  bool starts_separator(const char* p) const {
    for (const char c : separator_)
      if (*p++ != c) return false;
    return true;
  }

  bool field_ends(const char* p) const {
    return is_blank(*p) || *p == '\n' || (!separator_.empty() && starts_separator(p));
  }

  /// The field at `p`, for a message.
  std::string field(const char* p) const {
    const char* end = p;
    while (!field_ends(end)) ++end;
    return quoted({p, static_cast<std::size_t>(end - p)});
  }

  /// What to do if the line looks like libsvm text: the second field is `id:value`.
  static const char* hint(const char* line) {
    for (const char* p = line; *p != '\n'; ++p)
      if (p > line && p[0] == ':' && is_digit(p[1]) && is_digit(p[-1]))
        return "; if this is libsvm text, use a model for classification (--model logistic)";
    return "";
  }

  Block& block_;
  Separator separator_;
  std::size_t line_;
  std::uint32_t* ids_;
  float* labels_;
};

}  // namespace

LoadedPart read_ratings_part(const Text& text, Part part, std::size_t block_bytes) {
  const Start start = find_start(text.view());
  Blocks blocks(lines_of(start.rest, part), block_bytes, '\n');
  LoadedPart result;
  Columns& columns = result.columns;
  PartFacts& facts = result.facts;
  columns.width = columns.spaces = 2;
  parallel_invoke([&] { columns.ids.resize(2 * blocks.lines()); }, [&] { columns.labels.resize(blocks.lines()); });
  blocks.parse([&](Block& block) { LineParser(block, start.separator, columns).run(); });
  facts.bytes = text.view().size();
  facts.first_line = start.line;
  facts.lines = blocks.lines();
  if (const Fault* fault = blocks.first_fault()) {
    facts.fault_line = fault->line;
    facts.fault = fault->what;
    return result;
  }

  std::size_t examples = 0;  // close the gaps that comments and blank lines left
  for (const Block& block : blocks.all()) {
    std::copy_n(columns.ids.data() + 2 * block.first_example, 2 * block.examples, columns.ids.data() + 2 * examples);
    std::copy_n(columns.labels.data() + block.first_example, block.examples, columns.labels.data() + examples);
    examples += block.examples;
  }
  columns.ids.resize(2 * examples);
  columns.labels.resize(examples);
  return result;
}

Columns read_ratings(const Text& text, std::size_t block_bytes) {
  return checked(read_ratings_part(text, {}, block_bytes), text.path(), Format::ratings);
}

}  // namespace sounder
