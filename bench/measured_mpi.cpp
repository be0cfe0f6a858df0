#include "measured_mpi.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/mpi/calibrate.hpp>

namespace sounder::bench {

std::uint64_t spans_of(const MpiSettings& settings, int ranks) {
  constexpr std::uint64_t kMost = 1 << 21;  // of all ranks: 24 bytes each here, about 80 in the file
  if (settings.trace.empty()) return 0;
  return std::min(kMost / 16, kMost / static_cast<std::uint64_t>(ranks));
}

void write_measured(mpi::World& world, const MpiSettings& settings, const mpi::Result& result) {
  const bool first = world.rank() == 0;
  if (first && !settings.trace.empty()) mpi::write_trace(settings.trace, result.trace);
  if (settings.calibrate.empty()) return;
  const mpi::SimModel model = mpi::calibrated(world, result);
  if (!first) return;
  std::ofstream file(settings.calibrate);
  file << model.text() << '\n';
  if (!file.flush()) throw Error(fmt::format("--calibrate {} cannot be written: make room", settings.calibrate));
}

}  // namespace sounder::bench
