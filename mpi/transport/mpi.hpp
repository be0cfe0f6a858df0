// Frames over the MPI library, which one thread alone calls.
#pragma once

#include <memory>

#include "transport/transport.hpp"

namespace sounder::mpi {

/// Over a duplicate of MPI_COMM_WORLD. Initializes MPI if nobody has, and then finalizes it at its end. Throws Error where MPI was
/// not compiled in, or allows too few threads.
std::unique_ptr<Transport> make_mpi_transport();
/// Over a duplicate of `*static_cast<MPI_Comm*>(communicator)`. MPI must be initialized.
std::unique_ptr<Transport> make_mpi_transport(const void* communicator);

}  // namespace sounder::mpi
