#include "batch.hpp"

#include <algorithm>

namespace sounder::mpi {
namespace {

/// Of bsp: 190 rounds an epoch. More examples a round cost progress where all of them touch all rows: fashion (softmax, 3,000 examples), 4 ranks, 20
/// epochs at l2 = 1e-3, against one process: 16 examples +0.2 %, 32 +14 %, 62 +30 %.
std::size_t bulk(std::uint64_t examples) { return std::clamp<std::size_t>(examples / 190, 16, 4096); }

/// Of modes that train between two exchanges: rows move with every example.
std::size_t local(std::uint64_t examples) { return std::max<std::size_t>(64, examples / 32); }

std::size_t standard_batch(RankMode mode, std::uint64_t examples) {
  switch (mode) {
    case RankMode::bsp:
    case RankMode::backup: return bulk(examples);
    case RankMode::ssp:
    case RankMode::async:
    case RankMode::local:
    case RankMode::gossip:
    case RankMode::adpsgd:
    case RankMode::pushsum:
    case RankMode::rma: break;
  }
  return local(examples);
}

}  // namespace

std::size_t batch_of(const sounder::Options& options, const Options& between, std::uint64_t all_examples) {
  const std::size_t batch = options.batch ? *options.batch : standard_batch(between.mode, all_examples);
  return std::clamp<std::size_t>(batch, 1, std::max<std::uint64_t>(1, all_examples));
}

std::size_t rounds_of_epoch(std::uint64_t all_examples, std::size_t batch) {
  return std::max<std::size_t>(1, (all_examples + batch - 1) / batch);
}

}  // namespace sounder::mpi
