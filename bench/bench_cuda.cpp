// Training on GPU streams and CPU threads: bench_cuda --help.
#include <fmt/format.h>

#include "session_cuda.hpp"

int main(int argc, char** argv) {
  using namespace sounder::bench;
  return guarded(
      [&]() -> int {
        const auto settings = parse_cuda(argc, argv);
        return settings ? run_session(*settings) : kAllRan;
      },
      [](const std::string& sentence) { fmt::print(stderr, "bench_cuda: {}\n", sentence); });
}
