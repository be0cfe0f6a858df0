// Training on many ranks: bench_mpi --help; with mpirun: ./dev mpi.
#include "session_mpi.hpp"

int main(int argc, char** argv) {
  using namespace sounder::bench;
  const Launch launch = launched();
  return guarded(
      [&]() -> int {
        const auto settings = parse_mpi(argc, argv, launch);
        return settings ? run_session(*settings) : kAllRan;
      },
      [&](const std::string& sentence) { give_up(launch.rank, sentence); });
}
