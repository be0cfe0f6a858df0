// Counting and summing examples.
#include <sounder/data/census.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "arrange.hpp"
#include "parallel.hpp"

namespace sounder {
namespace {

constexpr std::size_t kGrain = 256;  // examples a task

std::vector<float> rarities_of(const std::vector<std::uint32_t>& frequencies, std::uint64_t examples) {
  std::vector<float> rarities;
  rarities.reserve(frequencies.size());
  for (const std::uint32_t frequency : frequencies)
    rarities.push_back(frequency ? static_cast<float>(static_cast<double>(examples) / frequency) : 0.f);
  return rarities;
}

Sums sums_of_example(const Columns& columns, std::size_t i) {
  const std::uint64_t begin = begin_of(columns, i), end = begin_of(columns, i + 1);
  const auto value = [&](std::uint64_t k) { return columns.values.empty() ? 1. : static_cast<double>(columns.values[k]); };
  Sums sums;
  for (std::uint64_t k = begin; k < end; ++k) sums.squared_lengths += value(k) * value(k);
  sums.longest = sums.squared_lengths;
  sums.labels = sums.highest_label = static_cast<double>(columns.labels[i]);
  if (begin < end) sums.first_values = value(begin);
  return sums;
}

void check_trainable(const Columns& columns, std::uint64_t examples) {
  if (examples == 0) throw Error(fmt::format("{}: there are no examples; give at least one", columns.name));
  if (examples >= Numbering::kAbsent)
    throw Error(fmt::format("{}: there are 2^32 - 1 examples or more; split the set", columns.name));
  if (columns.classes.size() == 1)
    throw Error(
        fmt::format("{}: all labels are {}, and one class leaves nothing to learn; give examples of at least two",
                    columns.name, columns.classes[0]));
}

}  // namespace

void Sums::add(const Sums& next) {
  squared_lengths += next.squared_lengths;
  longest = std::max(longest, next.longest);
  labels += next.labels;
  highest_label = std::max(highest_label, next.highest_label);
  first_values += next.first_values;
}

Sums sums_of(const Columns& columns, std::size_t begin, std::size_t end) {
  constexpr std::size_t kAtOnce = std::size_t{1} << 14;
  std::vector<Sums> of_each(std::min(kAtOnce, end - begin));  // in parallel; only adding them up must keep the order
  Sums all;
  for (std::size_t done = begin; done < end; done += of_each.size()) {
    of_each.resize(std::min(kAtOnce, end - done));
    parallel_ranges(of_each.size(), kGrain, [&](std::size_t first, std::size_t last) {
      for (std::size_t k = first; k < last; ++k) of_each[k] = sums_of_example(columns, done + k);
    });
    for (const Sums& one : of_each) all.add(one);
  }
  return all;
}

IdCounts count_ids(const Columns& columns, std::uint32_t space) {
  return columns.spaces > 1 ? count_ids(ids_of_space(columns, space)) : count_ids(columns.ids);
}

Census census_of(std::uint64_t examples, std::uint64_t nonzeros, const std::vector<IdCounts>& by_space,
                 const Columns& columns, const std::vector<std::vector<std::uint32_t>>& extra) {
  check_trainable(columns, examples);
  Census census{.examples = examples, .nonzeros = nonzeros, .dense = false, .numberings = {}, .frequencies = {}, .rarities = {}, .sums = {}};
  census.frequencies.resize(columns.spaces);
  const bool no_ids = std::all_of(by_space.begin(), by_space.end(), [](const IdCounts& counts) { return counts.ids.empty(); });
  census.dense = no_ids && columns.width > 0;
  if (census.dense) {
    census.numberings.push_back(Numbering::identity(columns.width));
    census.frequencies[0].assign(columns.width, static_cast<std::uint32_t>(examples));
  }
  for (std::uint32_t space = 0; space < columns.spaces && !census.dense; ++space) {
    const auto wanted = space < extra.size() ? std::span(extra[space]) : std::span<const std::uint32_t>();
    census.numberings.push_back(Numbering::by_counts(by_space[space], wanted, &census.frequencies[space]));
  }
  for (const auto& of_space : census.frequencies) census.rarities.push_back(rarities_of(of_space, examples));
  return census;
}

}  // namespace sounder
