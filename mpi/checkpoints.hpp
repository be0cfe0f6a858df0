// Checkpoints of a run on several ranks. Rank 0 writes them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <sounder/mpi/fit.hpp>

namespace sounder::mpi {

/// Keeps the state at the last epoch's end, and writes it when asked to: all of it is in one rank's parameters, in modes that can. One
/// object on each rank; those of other ranks do nothing.
class RankCheckpoints {
 public:
  RankCheckpoints(World& world, const Problem& problem, const sounder::Options& options, const Options& between, RankObserver& observer);

  /// An epoch is over, and a merge too.
  void keep(const Parameters& parameters, int epochs);
  /// Whether one is due after so many epochs, on any rank.
  bool due(int epochs) const { return wanted_ && options_.every > 0 && epochs % options_.every == 0; }
  /// Writes what was kept, unless it is written, or no point of `curve` is of it (the run diverged). A full disk must not end the training that
  /// it was to save: `result` says what became of it. `step`: of the first epoch; `scale`: what divergence is judged by; `notes`: of the mode.
  void write(const Curve& curve, double scale, double step, const std::map<std::string, std::string>& notes, sounder::Result& result);

 private:
  const Problem& problem_;
  const sounder::Options& options_;
  const Options& between_;
  RankObserver& observer_;
  const bool wanted_, writes_;
  std::optional<SavedModel> state_;
  int epochs_ = -1;  ///< of state_
};

}  // namespace sounder::mpi
