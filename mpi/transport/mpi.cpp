#include "transport/mpi.hpp"

#include <sounder/error.hpp>

#if SOUNDER_HAS_MPI

#include <cstdlib>

#include "transport/mpi/calls.hpp"
#include "transport/mpi/library_transport.hpp"

namespace sounder::mpi {
namespace {

bool initialized() {
  int is = 0, was = 0;
  MPI_Finalized(&was);
  if (was) throw Error("MPI is finalized, and cannot be initialized again in this process: keep one World for as long as ranks are needed");
  MPI_Initialized(&is);
  return is != 0;
}

void check_level(int level) {
  if (level < MPI_THREAD_SERIALIZED)
    throw Error("MPI lets only the main thread call it, and a World calls it from a thread of its own: initialize MPI by MPI_Init_thread "
                "with MPI_THREAD_SERIALIZED or more");
}

}  // namespace

std::unique_ptr<Transport> make_mpi_transport() {
  if (initialized()) {
    const MPI_Comm all = MPI_COMM_WORLD;
    return make_mpi_transport(&all);
  }
  // Nothing here waits inside of the library, and looks into it are rare where others compute. An Open MPI that yields the core at every
  // look that finds nothing then loses a time slice each time.
  setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
  // Of what Open MPI 4 makes windows with, osc/pt2pt does not keep the order of accumulates, and crashes at fetching ones of a hundred places. Without it
  // some networks have no windows at all; who wants it asks for it by name.
  setenv("OMPI_MCA_osc", "^pt2pt", 0);
  int level = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level), "initialize");
  check_level(level);
  return std::make_unique<LibraryTransport>(MPI_COMM_WORLD, true);
}

std::unique_ptr<Transport> make_mpi_transport(const void* communicator) {
  if (!initialized()) throw Error("MPI is not initialized, so there is no communicator: call MPI_Init_thread before");
  int level = MPI_THREAD_SINGLE;
  check_mpi(MPI_Query_thread(&level), "ask for its thread level");
  check_level(level);
  return std::make_unique<LibraryTransport>(*static_cast<const MPI_Comm*>(communicator), false);
}

}  // namespace sounder::mpi

#else

namespace sounder::mpi {

std::unique_ptr<Transport> make_mpi_transport() {
  throw Error("this build has no MPI: install an MPI library (Debian: libopenmpi-dev) and build again, or run ranks in one process");
}
std::unique_ptr<Transport> make_mpi_transport(const void*) { return make_mpi_transport(); }
int open_mpi_handles() { return 0; }

}  // namespace sounder::mpi

#endif
