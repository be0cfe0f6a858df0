#include "transport/mpi.hpp"

#include <sounder/error.hpp>

#if !SOUNDER_HAS_MPI

namespace sounder::mpi {

std::unique_ptr<Transport> make_mpi_transport() {
  throw Error("this build has no MPI: install an MPI library (Debian: libopenmpi-dev) and build again, or run ranks in one process");
}
std::unique_ptr<Transport> make_mpi_transport(const void*) { return make_mpi_transport(); }

}  // namespace sounder::mpi

#else

namespace sounder::mpi {

std::unique_ptr<Transport> make_mpi_transport() { throw Error("not yet"); }
std::unique_ptr<Transport> make_mpi_transport(const void*) { return make_mpi_transport(); }

}  // namespace sounder::mpi

#endif
