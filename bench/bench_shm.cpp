// Training on the cores of this machine: bench_shm --help.
#include <fmt/format.h>

#include "session_shm.hpp"

int main(int argc, char** argv) {
  using namespace sounder::bench;
  return guarded(
      [&]() -> int {
        const auto settings = parse_shm(argc, argv);
        return settings ? run_session(*settings) : kAllRan;
      },
      [](const std::string& sentence) { fmt::print(stderr, "bench_shm: {}\n", sentence); });
}
