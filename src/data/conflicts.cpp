// rho and the mean share of conflicts: for one example, all others that its ids occur in, by an inverted index.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <sounder/data/numbering.hpp>
#include <sounder/data/random.hpp>
#include <sounder/data/statistics.hpp>

#include "arrange.hpp"

namespace sounder {
namespace {

constexpr std::uint64_t kSampleStream = 0x52484f;  // "RHO": no other use of the seed draws from it

/// For every id, the examples that hold it (compressed sparse columns).
struct Holders {
  std::vector<std::size_t> starts;      ///< per vertex, and the end
  std::vector<std::uint32_t> examples;  ///< ascending for each vertex
  std::vector<std::uint32_t> vertices;  ///< per nonzero of the input: its id as a vertex number

  std::size_t frequency(std::size_t vertex) const { return starts[vertex + 1] - starts[vertex]; }
};

Holders find_holders(const Columns& columns) {
  std::vector<Numbering> numberings(columns.spaces);
  std::vector<std::uint32_t> firsts(columns.spaces + 1);  // of the vertices of each space
  for (std::uint32_t space = 0; space < columns.spaces; ++space) {
    numberings[space] = Numbering::by_frequency(columns.spaces > 1 ? ids_of_space(columns, space) : columns.ids);
    firsts[space + 1] = firsts[space] + numberings[space].size();
  }
  Holders holders;
  holders.starts.resize(firsts.back() + std::size_t{1});
  holders.vertices.resize(columns.ids.size());
  for (std::size_t k = 0; k < columns.ids.size(); ++k) {
    const auto space = static_cast<std::uint32_t>(k % columns.spaces);
    holders.vertices[k] = firsts[space] + numberings[space].row_of(columns.ids[k]);
    ++holders.starts[holders.vertices[k] + 1];
  }
  std::partial_sum(holders.starts.begin(), holders.starts.end(), holders.starts.begin());
  holders.examples.resize(columns.ids.size());
  std::vector<std::size_t> next = holders.starts;
  for (std::size_t i = 0; i < columns.examples(); ++i)
    for (std::size_t k = begin_of(columns, i); k < begin_of(columns, i + 1); ++k)
      holders.examples[next[holders.vertices[k]]++] = static_cast<std::uint32_t>(i);
  return holders;
}

/// Counts the examples that share an id with one.
class Meetings {
 public:
  Meetings(const Columns& columns, const Holders& holders)
      : columns_(columns), holders_(holders), met_by_(columns.examples(), Numbering::kAbsent) {}

  std::size_t of(std::uint32_t example) {
    std::size_t met = 0;
    for (std::size_t k = begin_of(columns_, example); k < begin_of(columns_, example + std::size_t{1}); ++k) {
      const std::uint32_t vertex = holders_.vertices[k];
      for (std::size_t h = holders_.starts[vertex]; h < holders_.starts[vertex + std::size_t{1}]; ++h)
        met += std::exchange(met_by_[holders_.examples[h]], example) != example ? 1 : 0;
    }
    return met;
  }

 private:
  const Columns& columns_;
  const Holders& holders_;
  std::vector<std::uint32_t> met_by_;  ///< the last example that was asked about and met this one
};

/// `count` different examples of all, random unless it is all (the first steps of a Fisher-Yates shuffle).
std::vector<std::uint32_t> sample(std::size_t all, std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> chosen(all);
  std::iota(chosen.begin(), chosen.end(), 0u);
  Random random(seed, kSampleStream);
  for (std::size_t k = 0; count < all && k < count; ++k) std::swap(chosen[k], chosen[k + random.below(all - k)]);
  chosen.resize(count);
  return chosen;
}

}  // namespace

Conflicts conflicts(const Columns& columns, std::uint64_t seed, std::size_t work) {
  const std::size_t count = columns.examples();
  if (columns.nonzeros() == 0) return {0, 0, count};
  if (columns.ids.empty()) return {1, 1, count};
  const Holders holders = find_holders(columns);
  double steps = 0;
  std::size_t hottest = 0;
  for (std::size_t v = 0; v + 1 < holders.starts.size(); ++v) {
    steps += static_cast<double>(holders.frequency(v)) * static_cast<double>(holders.frequency(v));
    if (holders.frequency(v) > holders.frequency(hottest)) hottest = v;
  }
  const double share = static_cast<double>(work) / steps;
  Conflicts result;
  result.sampled =
      share >= 1 ? count : std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(count)));

  Meetings meetings(columns, holders);
  double sum = 0;
  std::size_t most = 0;
  for (const std::uint32_t example : sample(count, result.sampled, seed)) {
    const std::size_t met = meetings.of(example);
    sum += static_cast<double>(met);
    most = std::max(most, met);
  }
  // So that rho >= delta. Last: an example that is asked about twice may meet fewer the second time.
  most = std::max(most, meetings.of(holders.examples[holders.starts[hottest]]));
  result.rho = static_cast<double>(most) / static_cast<double>(count);
  result.mean = sum / static_cast<double>(result.sampled) / static_cast<double>(count);
  return result;
}

}  // namespace sounder
