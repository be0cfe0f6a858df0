#include "place_mpi.hpp"

#include <utility>

#include <fmt/format.h>

#include <sounder/shm/topology.hpp>

namespace sounder::bench {

std::vector<int> place(const MpiSettings& settings, const mpi::World& world, Options& options, int& warned) {
  if (settings.transport == TransportName::sim) {  // all of them take turns on one core
    options.pin = PinName::none;
    return {};
  }
  const std::vector<int> cpus = shm::usable_cpus();
  const auto ranks = static_cast<std::size_t>(ranks_on_cores(settings, world.size())), threads = static_cast<std::size_t>(options.threads);
  const bool enough = ranks * threads <= cpus.size();
  if (!enough && world.rank() == 0 && std::exchange(warned, options.threads) != options.threads)
    fmt::print(stderr, "bench_mpi: {} ranks x {} threads share {} core{}: speeds will mislead\n", ranks, threads, cpus.size(),
               cpus.size() == 1 ? "" : "s");
  if (settings.pin_given) return {};
  if (!enough) options.pin = PinName::none;
  if (!enough || ranks == 1) return {};
  const auto begin = cpus.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(world.local_rank()) * threads);
  return {begin, begin + static_cast<std::ptrdiff_t>(threads)};
}

}  // namespace sounder::bench
