// What bench_mpi was asked to do.
#pragma once

#include <optional>
#include <vector>

#include <sounder/mpi/options.hpp>
#include <sounder/mpi/sim_model.hpp>

#include "flags_gpu.hpp"
#include "launch_mpi.hpp"
#include "settings.hpp"

namespace sounder::bench {

/// Who trains inside a rank, and how.
struct NodeMode {
  Mode cpu = Mode::hogwild;  ///< discipline of its CPU threads
  cuda::GpuMode gpu = cuda::GpuMode::cpu;

  bool uses_gpu() const { return gpu != cuda::GpuMode::cpu; }
  std::string_view name() const { return uses_gpu() ? name_of(cuda::kGpuModes, gpu) : name_of(kModes, cpu); }
};

struct MpiSettings : Settings {
  std::vector<RankMode> modes{RankMode::bsp};
  std::vector<NodeMode> node_modes{NodeMode{}};
  bool all_modes = false, all_node_modes = false;  ///< "all": those that the other flags allow
  mpi::Options between;       ///< its mode is set anew for each run
  GpuSide gpu;                ///< of node modes that have one
  TransportName transport = TransportName::mpi;
  int ranks = 1;              ///< of this process: with TransportName::inproc and sim
  mpi::SimModel sim;          ///< with TransportName::sim
  std::string calibrate, trace;
  bool verbose = false;
  Launch launch;

  /// Ranks of a run; 0: not known before MPI is.
  int size() const { return transport == TransportName::mpi ? launch.size : ranks; }
};

/// One line of the plan.
struct PlannedRanks {
  RankMode mode;
  NodeMode node_mode;
  int threads;  ///< of each rank
};

/// Every mode between ranks on every mode inside of them on every number of threads; `serial` inside on one. `all` leaves out what is
/// refused. Throws Error on what was asked for by name and cannot be run on `ranks` ranks, and if one file would get several models.
std::vector<PlannedRanks> plan_of(const MpiSettings& settings, int ranks);

/// How many ranks use the cores that this one may use: one if the launcher dealt them out, else all of this machine.
int ranks_on_cores(const MpiSettings& settings, int ranks);

/// Parses the command line. Returns nothing if --help or --version answered it (on stdout of rank 0).
/// Throws Error on an unknown flag, a bad value, or flags that contradict each other.
std::optional<MpiSettings> parse_mpi(int argc, const char* const* argv, const Launch& launch);

}  // namespace sounder::bench
