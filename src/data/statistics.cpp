// Omega, Delta, kappa and rho of a set, seen as a hypergraph: ids are vertices, examples are edges.
#include <sounder/data/statistics.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

#include <sounder/data/numbering.hpp>
#include <sounder/data/random.hpp>

#include "arrange.hpp"

namespace sounder {
namespace {

std::size_t begin_of(const Columns& columns, std::size_t i) {
  return columns.offsets.empty() ? i * columns.width : columns.offsets[i];
}

/// For every id, the examples that hold it (compressed sparse columns).
struct Holders {
  std::vector<std::size_t> starts;      ///< per vertex, and the end
  std::vector<std::uint32_t> examples;  ///< ascending for each vertex
  std::vector<std::uint32_t> vertices;  ///< per nonzero of the input: its id as a vertex number
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

}  // namespace

Statistics statistics(const Columns& columns) {
  Statistics result;
  result.examples = columns.examples();
  result.nonzeros = columns.nonzeros();
  for (std::size_t i = 0; i < columns.examples(); ++i)
    result.omega = std::max(result.omega, begin_of(columns, i + 1) - begin_of(columns, i));
  if (columns.examples() == 0) return result;
  if (columns.ids.empty()) {  // dense: every example holds every id
    result.features = columns.nonzeros() > 0 ? columns.width : 0;
    result.delta = result.features > 0 ? 1 : 0;
    result.kappa = static_cast<double>(result.features);
    return result;
  }
  for (std::uint32_t space = 0; space < columns.spaces; ++space) {
    std::vector<std::uint32_t> frequencies;
    const auto numbering =
        Numbering::by_frequency(columns.spaces > 1 ? ids_of_space(columns, space) : columns.ids, {}, &frequencies);
    result.features += numbering.size();
    for (const std::uint32_t frequency : frequencies) {
      const double share = frequency / static_cast<double>(columns.examples());
      result.delta = std::max(result.delta, share);
      result.kappa += share * share;
    }
  }
  return result;
}

double sampled_rho(const Columns& columns, std::size_t samples, std::uint64_t seed) {
  const std::size_t count = columns.examples();
  if (count == 0 || columns.nonzeros() == 0) return 0;
  if (columns.ids.empty()) return 1;
  const Holders holders = find_holders(columns);

  // The hottest id is vertex 0 of its space. An example that holds it meets all others that do: rho >= delta.
  std::size_t hottest = 0;
  for (std::size_t v = 0; v + 1 < holders.starts.size(); ++v)
    if (holders.starts[v + 1] - holders.starts[v] > holders.starts[hottest + 1] - holders.starts[hottest]) hottest = v;
  std::vector<std::size_t> chosen{holders.examples[holders.starts[hottest]]};
  if (samples >= count) {
    chosen.resize(count);
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  } else {
    Random random(seed, 0x52484f);  // "RHO"
    for (std::size_t k = 1; k < samples; ++k) chosen.push_back(random.below(count));
  }

  std::size_t most = 0;
  std::vector<std::size_t> met_by(count, count);  // the last chosen example that each example met
  for (const std::size_t i : chosen) {
    std::size_t met = 0;
    for (std::size_t k = begin_of(columns, i); k < begin_of(columns, i + 1); ++k)
      for (std::size_t h = holders.starts[holders.vertices[k]]; h < holders.starts[holders.vertices[k] + 1]; ++h) {
        met += met_by[holders.examples[h]] != i ? 1 : 0;
        met_by[holders.examples[h]] = i;
      }
    most = std::max(most, met);
  }
  return static_cast<double>(most) / static_cast<double>(count);
}

}  // namespace sounder
