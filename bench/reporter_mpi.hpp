// Follows a run on many ranks on the terminal of rank 0.
#pragma once

#include <sounder/mpi/fit.hpp>

#include "live_line.hpp"

namespace sounder::bench {

class RankReporter final : public mpi::RankObserver {
 public:
  /// `quiet`: also on the other ranks.
  RankReporter(const std::string& program, std::string label, int epochs, bool quiet);

  void on_progress(const mpi::RankProgress& progress) override;
  void on_checkpoint_lost(const std::string& error) override;

 private:
  std::string text();

  std::string label_;
  int epochs_;
  std::mutex mutex_;  ///< guards progress_
  mpi::RankProgress progress_;
  const double began_;  ///< seconds on the steady clock
  LiveLine line_;     ///< the last member: its thread asks for text()
};

}  // namespace sounder::bench
