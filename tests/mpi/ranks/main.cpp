// The main of tests that run on real ranks: sounder_rank_tests --ranks=N, under mpirun -n N. Rank 0 reports; a failure of any fails all.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>

#include "collectives.hpp"
#include "ranks.hpp"
#include "transport/mpi.hpp"

namespace {

constexpr double kDeadline = 60;
std::optional<sounder::mpi::World> the_world;  // of the main thread

}  // namespace

sounder::mpi::World& sounder::test::world() { return *the_world; }

int main(int argc, char** argv) {
  int ranks = 0;
  for (int i = 1; i < argc; ++i)
    if (std::strncmp(argv[i], "--ranks=", 8) == 0) ranks = std::atoi(argv[i] + 8);
  the_world.emplace(sounder::mpi::World::of_mpi(kDeadline));
  const int rank = the_world->rank();
  if (the_world->size() != ranks) {
    if (rank == 0) std::printf("%d ranks instead of the --ranks=%d asked for\n", the_world->size(), ranks);
    the_world.reset();
    return 1;
  }

  doctest::Context context(argc, argv);
  std::ostringstream report;
  if (rank != 0) context.setCout(&report);
  int status = context.run();
  if (rank != 0 && status != 0) std::fprintf(stderr, "rank %d:\n%s\n", rank, report.str().c_str());
  try {
    for (const auto& each : sounder::mpi::all_gather(the_world->endpoint(), sounder::mpi::Payload::of(std::vector<int>{status})))
      if (each.as<int>()[0] != 0) status = 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    the_world->abort(1);
  }
  the_world.reset();
  if (const int open = sounder::mpi::open_mpi_handles(); open != 0) {
    std::fprintf(stderr, "rank %d: %d requests or communicators were not freed\n", rank, open);
    return 1;
  }
  return status;
}
