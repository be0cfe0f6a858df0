// From examples as they were read to examples that are fast to visit: hash, renumber, shuffle.
#include <sounder/data/dataset.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "arrange.hpp"
#include "classes.hpp"
#include "parallel.hpp"

#include <xxhash.h>

namespace sounder {
namespace {

constexpr std::uint64_t kShuffleStream = 0x53485546464c45;  // "SHUFFLE": no other use of the seed draws from it

void check(const Columns& columns, std::size_t least) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw Error(fmt::format("{}: {}", columns.name.empty() ? "these examples" : columns.name, what));
  };
  const std::size_t count = columns.examples(), nonzeros = columns.nonzeros();
  require(count >= least, "there are no examples; give at least one");
  require(count < Numbering::kAbsent, "there are 2^32 - 1 examples or more; split the set");
  require(columns.offsets.empty() || columns.offsets.size() == count + 1,
          "`offsets` needs one entry an example and one");
  require(columns.values.empty() || columns.values.size() == nonzeros, "`values` needs one entry a nonzero, or none");
  require(columns.ids.size() == nonzeros || (columns.ids.empty() && columns.offsets.empty() && columns.spaces == 1),
          "`ids` needs one entry a nonzero; only dense examples of constant width have none");
  require(!columns.ids.empty() || nonzeros == 0 || !columns.values.empty(), "dense examples need `values`");
  require(columns.spaces == 1 || (columns.offsets.empty() && columns.values.empty() && columns.width == columns.spaces),
          "examples of several id spaces need exactly one id of each and no values");
  if (!columns.classes.empty()) {
    const auto classes = static_cast<float>(columns.classes.size());
    const auto numbers = [&](float label) { return label >= 0 && label < classes && label == std::floor(label); };
    require(std::all_of(columns.labels.begin(), columns.labels.end(), numbers),
            "`labels` need to be indices of `classes`");
    require(std::is_sorted(columns.classes.begin(), columns.classes.end()), "`classes` need to ascend");
  }
}

/// Each array on its own, so that they can be hashed at the same time, then the hashes.
std::string digest_of(const Columns& columns) {
  const auto hash = [](const auto& array) { return XXH64(array.data(), array.size() * sizeof(array[0]), 0); };
  std::vector<std::uint64_t> parts{columns.spaces, columns.offsets.empty() ? columns.width : 0, 0, 0, 0, 0};
  parallel_invoke([&] { parts[2] = hash(columns.offsets); }, [&] { parts[3] = hash(columns.ids); },
                  [&] { parts[4] = hash(columns.values); }, [&] { parts[5] = hash(columns.labels); });
  if (!columns.classes.empty()) parts.push_back(hash(columns.classes));
  return fmt::format("{:016x}", hash(parts));
}

/// A random order of `count` examples (Fisher and Yates).
std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed, kShuffleStream);
  for (std::size_t left = count; left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

bool is_dense(const Columns& columns) { return columns.ids.empty() && columns.width > 0; }

}  // namespace

Dataset Dataset::train(Columns columns, std::uint64_t seed, const std::vector<std::vector<std::uint32_t>>& extra) {
  check(columns, 1);
  auto census = std::make_shared<Census>();
  Dataset result;
  parallel_invoke([&] { result.digest_ = digest_of(columns); },
                  [&] { result.positions_ = shuffled(columns.examples(), seed); },
                  [&] {
                    std::vector<IdCounts> by_space;
                    for (std::uint32_t space = 0; space < columns.spaces; ++space)
                      by_space.push_back(count_ids(columns, space));
                    *census = census_of(columns.examples(), columns.nonzeros(), by_space, columns, extra);
                  });
  result.columns_ = arrange(columns, census->numberings, result.positions_);
  census->sums = sums_of(result.columns_, 0, result.size());
  result.census_ = std::move(census);
  return result;
}

Dataset Dataset::part(Columns columns, std::span<const std::uint32_t> order, std::vector<std::uint32_t> positions,
                      std::shared_ptr<const Census> census, std::string digest) {
  check(columns, 0);
  Dataset result;
  result.columns_ = arrange(columns, census->numberings, order);
  result.census_ = std::move(census);
  result.positions_ = std::move(positions);
  result.digest_ = std::move(digest);
  return result;
}

Dataset Dataset::test(Columns columns, const Dataset& train) {
  check(columns, 1);
  std::string digest = digest_of(columns);
  return test_part(std::move(columns), train, 0, std::move(digest));
}

Dataset Dataset::test_part(Columns columns, const Dataset& train, std::size_t first, std::string digest) {
  check(columns, 0);
  const auto require = [&](bool holds, const char* what) {
    if (!holds)
      throw Error(
          fmt::format("{}: {} {}; give a test set made like the training set", columns.name, what, train.name()));
  };
  require(columns.spaces == train.spaces(), "holds ratings where the training set does not, or the reverse:");
  require(columns.examples() == 0 || is_dense(columns) == train.dense(),
          "is dense where the training set is not, or the reverse:");
  require(!train.dense() || columns.width == train.columns_.width, "has another number of features than");
  require(columns.classes.empty() == train.classes().empty(),
          "has classes where the training set has not, or the reverse:");
  Dataset result;
  if (!columns.classes.empty()) renumber_classes(columns, train.classes(), train.name(), first);
  if (columns.spaces == 1) drop_unknown(columns, train.numbering());
  result.columns_ = arrange(columns, train.census_->numberings, {});
  result.census_ = train.census_;
  result.first_ = first;
  result.digest_ = std::move(digest);
  return result;
}

std::size_t Dataset::features() const {
  std::size_t sum = 0;
  for (const Numbering& numbering : census_->numberings) sum += numbering.size();
  return sum;
}

Examples Dataset::examples() const {
  const auto pointer = [](const auto& array) { return array.empty() ? nullptr : array.data(); };
  return {pointer(columns_.offsets), pointer(columns_.ids), pointer(columns_.values),
          columns_.labels.data(),    columns_.width,        columns_.examples()};
}

}  // namespace sounder
