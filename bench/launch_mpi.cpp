#include "launch_mpi.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "program.hpp"

namespace sounder::bench {
namespace {

/// The first variable that is set to a whole number.
template <class... Names>
int number_of_environment(int otherwise, Names... names) {
  for (const char* const name : {names...}) {
    const char* const text = std::getenv(name);
    if (!text || !*text) continue;
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (*end == 0 && value >= 0 && value < (1L << 30)) return static_cast<int>(value);
  }
  return otherwise;
}

}  // namespace

Launch launched() {
  Launch launch;
  const int rank = number_of_environment(-1, "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK");
  if (rank < 0) return launch;
  launch.started = true;
  launch.rank = rank;
  launch.size = number_of_environment(0, "OMPI_COMM_WORLD_SIZE", "PMI_SIZE");
  launch.local_size = number_of_environment(0, "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS");
  return launch;
}

void give_up(int rank, const std::string& sentence, int speaker) {
  constexpr auto kWhile = std::chrono::seconds(5);  // mpirun lets a second pass before it ends anyone
  constexpr auto kStep = std::chrono::seconds(2);   // so that not all of them speak then
  std::signal(SIGTERM, SIG_DFL);  // how the launcher ends those who are still there
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGUSR1, SIG_DFL);
  if (rank != speaker) std::this_thread::sleep_for(kWhile + rank * kStep);
  fmt::print(stderr, "bench_mpi: {}\n", sentence);
  std::fflush(nullptr);
  _exit(kBadInput);
}

}  // namespace sounder::bench
