// A consumer of sounder::mpi: says which rank it is. Without an MPI library, ranks are threads.
#include <cstdio>

#if SOUNDER_HAS_MPI
#include <sounder/mpi/communicator.hpp>
#endif
#include <sounder/mpi/world.hpp>

int main() {
  const auto say = [](sounder::mpi::World& world) {
    std::printf("rank %d of %d over %s\n", world.rank(), world.size(), world.transport().c_str());
  };
#if SOUNDER_HAS_MPI
  sounder::mpi::World world = sounder::mpi::World::of_mpi();
  say(world);
#endif
  sounder::mpi::World::run_inproc(2, say);
}
