// Who hears from whom in gossip: a graph over the ranks, the same in every round or changing with a period.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/modes.hpp>

namespace sounder::mpi {

/// Ranks 0 ... ranks - 1 and, for each round, from whom each hears and whom it tells. No rank hears from itself, and none twice
/// from another. Every graph but `exponential` and `one-peer` is undirected: ranks hear from those whom they tell.
class Topology {
 public:
  /// One of kTopologies, as --topology says it. Reads a file; draws from `seed`. Throws Error with one sentence where the graph cannot be
  /// for so many ranks, naming file:line of a fault in a file, and unless `allow_disconnected` where the graph falls into parts.
  static Topology make(const std::string& text, int ranks, std::uint64_t seed = 1, bool allow_disconnected = false);
  /// Of undirected edges {u, v}, an edge once or more. Throws Error like make().
  static Topology of_edges(std::string text, int ranks, std::span<const std::array<int, 2>> edges, bool allow_disconnected = false);

  const std::string& text() const { return text_; }
  int ranks() const { return ranks_; }
  /// Rounds after which it repeats: 1, or ceil(log2 ranks) of one-peer.
  std::uint64_t period() const { return sources_->size(); }
  bool undirected() const { return undirected_; }
  /// From whom `rank` hears in a round, ascending.
  std::span<const int> sources(int rank, std::uint64_t round) const { return (*sources_)[round % period()][static_cast<std::size_t>(rank)]; }
  /// Whom `rank` tells in a round, ascending.
  std::span<const int> targets(int rank, std::uint64_t round) const { return (*targets_)[round % period()][static_cast<std::size_t>(rank)]; }
  /// The most that one rank hears from in a round.
  std::size_t degree() const;
  /// Over how many hops each rank's values come to `to`, along edges of any round; -1: never.
  std::vector<int> distances(int to) const;
  /// Parts that never hear of each other; 1: connected.
  int parts() const;

 private:
  using Lists = std::vector<std::vector<int>>;  ///< by rank
  Topology(std::string text, int ranks, std::vector<Lists> sources, bool allow_disconnected);

  std::string text_;
  int ranks_;
  bool undirected_;
  std::shared_ptr<const std::vector<Lists>> sources_, targets_;  ///< by round of the period; copies share them
};

}  // namespace sounder::mpi
