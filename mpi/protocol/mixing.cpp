#include "protocol/mixing.hpp"

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "protocol/eigenvalues.hpp"

namespace sounder::mpi {
namespace {

Shares weights_of(const Topology& topology, std::uint64_t round) {
  Shares shares(static_cast<std::size_t>(topology.ranks()));
  for (int rank = 0; rank < topology.ranks(); ++rank) {
    auto& mine = shares[static_cast<std::size_t>(rank)];
    const auto sources = topology.sources(rank, round);
    double others = 0;
    for (const int source : sources) {
      const std::size_t larger = std::max(sources.size(), topology.sources(source, round).size());
      mine.push_back({source, 1 / (1 + static_cast<double>(larger))});
      others += mine.back().weight;
    }
    const auto after = std::find_if(mine.begin(), mine.end(), [&](const Share& share) { return share.rank > rank; });
    mine.insert(after, {rank, 1 - others});
  }
  return shares;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t n) {
  std::vector<double> out(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < n; ++k)
      if (const double factor = a[i * n + k]; factor != 0)
        for (std::size_t j = 0; j < n; ++j) out[i * n + j] += factor * b[k * n + j];
  return out;
}

std::vector<double> matrix_of(const Shares& shares) {
  const std::size_t n = shares.size();
  std::vector<double> matrix(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (const Share& share : shares[i]) matrix[i * n + static_cast<std::size_t>(share.rank)] = share.weight;
  return matrix;
}

double gap_of(const std::vector<Shares>& by_round) {
  const std::size_t n = by_round.front().size();
  std::vector<double> matrix = matrix_of(by_round.front());
  for (std::size_t round = 1; round < by_round.size(); ++round) matrix = product(matrix_of(by_round[round]), matrix, n);
  for (double& cell : matrix) cell -= 1 / static_cast<double>(n);  // takes out the mean, which nothing shrinks
  std::vector<double> transposed(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) transposed[j * n + i] = matrix[i * n + j];
  double factor = 0;
  if (transposed == matrix) {
    const auto values = symmetric_eigenvalues(std::move(matrix), n);
    factor = std::max(std::abs(values.front()), std::abs(values.back()));
  } else {
    factor = std::sqrt(std::max(0., symmetric_eigenvalues(product(transposed, matrix, n), n).back()));
  }
  return 1 - factor;
}

}  // namespace

double imbalance(const Shares& shares) {
  std::vector<double> columns(shares.size());
  double worst = 0;
  for (const auto& row : shares) {
    double sum = 0;
    for (const Share& share : row) {
      sum += share.weight;
      columns[static_cast<std::size_t>(share.rank)] += share.weight;
    }
    worst = std::max(worst, std::abs(sum - 1));
  }
  for (const double sum : columns) worst = std::max(worst, std::abs(sum - 1));
  return worst;
}

Mixing::Mixing(const Topology& topology) : known_(std::make_shared<Known>()) {
  for (std::uint64_t round = 0; round < topology.period(); ++round) {
    known_->by_round.push_back(weights_of(topology, round));
    if (const double off = imbalance(known_->by_round.back()); off > 1e-15 * topology.ranks())
      throw Error(fmt::format("the weights of --topology {} do not keep the mean of {} ranks: a sum misses 1 by {:g}", topology.text(),
                              topology.ranks(), off));
  }
}

double Mixing::spectral_gap() const {
  std::call_once(known_->asked, [this] { known_->gap = gap_of(known_->by_round); });
  return known_->gap;
}

std::vector<Share> without(std::span<const Share> shares, int self, const std::function<bool(int)>& gone) {
  std::vector<Share> rest;
  double missing = 0;
  for (const Share& share : shares)
    if (share.rank != self && gone(share.rank))
      missing += share.weight;
    else
      rest.push_back(share);
  for (Share& share : rest)
    if (share.rank == self) share.weight += missing;
  return rest;
}

}  // namespace sounder::mpi
