#include "traffic/traffic.hpp"

#include <cstdio>

#include <fmt/format.h>

#include <sounder/mpi/communicator.hpp>

#include "program.hpp"
#include "traffic/raw.hpp"
#include "version.hpp"

namespace sounder::bench {
namespace {

/// What --help or --version answers, else "".
std::string parse(int argc, char** argv, const std::string& program, const std::string& summary, Traffic& traffic,
                  const std::function<void(CommandLine&, Traffic&)>& own) {
  CommandLine line(summary, program, version_text());
  line.text("--kib", "sizes of the vectors in KiB, a comma-separated list (default 64,1024,4096,16384,65536)", "N[,N]",
            [&](const std::string& list) {
              traffic.kib.clear();
              for (const std::string& each : split(list)) {
                const auto kib = number_of<std::size_t>("--kib", each);
                if (kib == 0 || kib > (1u << 20)) throw Error(fmt::format("--kib {} is out of range: give 1 to {}", kib, 1u << 20));
                traffic.kib.push_back(kib);
              }
            });
  line.number<int>("--repeat", traffic.repeat, "measured repetitions, in turn (default 9)");
  line.path("--json", traffic.json, "append a JSON record a line for each figure");
  if (own) own(line, traffic);
  std::string answer = line.parse(argc, argv);
  if (traffic.repeat < 1) throw Error(fmt::format("--repeat {} is out of range: give 1 or more", traffic.repeat));
  if (traffic.ranks_per_node < 0) throw Error(fmt::format("--ranks-per-node {} is out of range: give 1 or more", traffic.ranks_per_node));
  if (!(traffic.link_mib >= 0)) throw Error(fmt::format("--link {} is out of range: give MiB/s, more than 0", traffic.link_mib));
  return answer;
}

}  // namespace

int run_traffic(int argc, char** argv, const std::string& program, const std::string& summary,
                const std::function<void(mpi::World&, const Traffic&)>& body,
                const std::function<void(CommandLine&, Traffic&)>& own) {
  int rank = 0;
  return guarded(
      [&]() -> int {
        const OwnMpi library(argc, argv);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        Traffic traffic;
        if (const std::string answer = parse(argc, argv, program, summary, traffic, own); !answer.empty()) {
          if (rank == 0) std::fputs(answer.c_str(), stdout);
          return kAllRan;
        }
        mpi::World world = mpi::world_of(MPI_COMM_WORLD);
        body(world, traffic);
        flush(stdout);
        return kAllRan;
      },
      [&](const std::string& sentence) {
        if (rank == 0) std::fprintf(stderr, "%s: %s\n", program.c_str(), sentence.c_str());
      });
}

void report(const mpi::World& world, const Traffic& traffic, const Series& series, const std::vector<Timing>& timings) {
  if (world.rank() != 0) return;
  print(series, timings);
  if (!traffic.json.empty()) record(traffic.json, series, timings);
}

}  // namespace sounder::bench
