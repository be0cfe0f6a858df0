// What bench_reduce and bench_kv share: their flags, and how they begin and end.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sounder/mpi/world.hpp>

#include "command_line.hpp"
#include "traffic/report.hpp"

namespace sounder::bench {

struct Traffic {
  std::vector<std::size_t> kib{64, 1024, 4096, 16384, 65536};  ///< of a vector
  int repeat = 9;
  std::string json;
  // bench_reduce
  std::vector<std::string> only;  ///< sums to be measured, by name; empty: all, and the placements
  int ranks_per_node = 0;  ///< of its hierarchy; 0: as many as have one host name
  double link_mib = 0;     ///< MiB/s that the formulas take a link to carry; 0: as measured
};

/// Parses the flags, of which `own` declares those of the program alone, makes a World of this MPI job, and calls body(world, traffic). The exit status.
int run_traffic(int argc, char** argv, const std::string& program, const std::string& summary,
                const std::function<void(mpi::World&, const Traffic&)>& body,
                const std::function<void(CommandLine&, Traffic&)>& own = {});

/// What rank 0 was told to report.
void report(const mpi::World& world, const Traffic& traffic, const Series& series, const std::vector<Timing>& timings);

}  // namespace sounder::bench
