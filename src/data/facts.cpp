// The first fault, mixed labels and missing examples of a file that several readers have seen.
#include "facts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

struct Bad {
  std::uint64_t line = 0;  ///< of the file; 0: none
  std::string what;
};

Bad first_fault(std::span<const PartFacts> all) {
  std::uint64_t before = 0;
  for (const PartFacts& part : all) {
    if (part.fault_line > 0) return {part.first_line + before + part.fault_line - 1, part.fault};
    before += part.lines;
  }
  return {};
}

/// A label set other than -1/+1 or 0/+1.
Bad mixed_labels(std::span<const PartFacts> all) {
  std::array<std::uint64_t, 3> first{};
  std::uint64_t before = 0;
  for (const PartFacts& part : all) {
    for (std::size_t k = 0; k < first.size(); ++k)
      if (first[k] == 0 && part.first_labels[k] > 0) first[k] = part.first_line + before + part.first_labels[k] - 1;
    before += part.lines;
  }
  const auto negative = first[0], zero = first[1];
  if (negative == 0 || zero == 0) return {};
  return {std::max(negative, zero),
          fmt::format("label {}, but line {} has label {}; use -1, +1 or 0, 1", zero > negative ? 0 : -1,
                      std::min(negative, zero), zero > negative ? -1 : 0)};
}

}  // namespace

void check_facts(std::span<const PartFacts> all, std::string_view path, Format format) {
  for (std::size_t k = 1; k < all.size(); ++k)
    if (all[k].bytes != all[0].bytes)
      throw Error(fmt::format("{} has {} bytes where part 0 was read, but {} where part {} was; give all the same file",
                              path, all[0].bytes, all[k].bytes, k));
  const Bad fault = first_fault(all), mixed = mixed_labels(all);
  const Bad& first = mixed.line > 0 && (fault.line == 0 || mixed.line < fault.line) ? mixed : fault;
  if (first.line > 0) throw Error(fmt::format("{}:{}: {}", path, first.line, first.what));
  if (std::all_of(all.begin(), all.end(), [](const PartFacts& part) { return part.examples == 0; }))
    throw Error(fmt::format("{}: no {}", path,
                            format == Format::ratings ? "ratings, only comments, blank lines or a header"
                                                      : "examples, only comments or blank lines"));
}

void leave_out_ones(Columns& columns, std::span<const PartFacts> all) {
  if (std::all_of(all.begin(), all.end(), [](const PartFacts& part) { return part.all_ones; })) columns.values = {};
}

Columns checked(LoadedPart whole, std::string_view path, Format format) {
  whole.facts.examples = whole.columns.examples();
  check_facts({&whole.facts, 1}, path, format);
  leave_out_ones(whole.columns, {&whole.facts, 1});
  return std::move(whole.columns);
}

}  // namespace sounder
