#include "reporter_mpi.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace sounder::bench {

RankReporter::RankReporter(const std::string& program, std::string label, int epochs, bool quiet)
    : label_(std::move(label)), epochs_(epochs), began_(now()), line_(program, quiet, [this] { return text(); }) {}

void RankReporter::on_progress(const mpi::RankProgress& progress) {
  const std::lock_guard lock(mutex_);
  progress_ = progress;
}

void RankReporter::on_checkpoint_lost(const std::string& error) {
  line_.say(fmt::format("{}: the run goes on, and tries again after the next --every", error));
}

std::string RankReporter::text() {
  mpi::RankProgress seen;
  {
    const std::lock_guard lock(mutex_);
    seen = progress_;
  }
  if (seen.all_examples == 0) return "";
  const double done = static_cast<double>(seen.examples), all = static_cast<double>(seen.all_examples);
  const int epoch = std::min(epochs_, 1 + static_cast<int>(done / all * epochs_));
  return progress_text(label_, epoch, epochs_, NAN, began_, done, all) +
         fmt::format("  slowest rank {} at clock {}, fastest {} at {}", seen.slowest, seen.slowest_clock, seen.fastest, seen.fastest_clock);
}

}  // namespace sounder::bench
