// Frames over the MPI library, which one thread alone calls.
#pragma once

#include <memory>

#include "transport/transport.hpp"

#if SOUNDER_HAS_MPI
#include <mpi.h>
#endif

namespace sounder::mpi {

/// Over duplicates of MPI_COMM_WORLD. Initializes MPI if nobody has, and then finalizes it at its end. Throws Error where MPI was
/// not compiled in, or allows too few threads.
std::unique_ptr<Transport> make_mpi_transport();
/// Over duplicates of `*static_cast<const MPI_Comm*>(communicator)`, by all of its ranks. MPI must be initialized.
std::unique_ptr<Transport> make_mpi_transport(const void* communicator);
/// Requests and communicators of transports that are not yet freed: 0 once all transports have ended without a failure.
int open_mpi_handles();

#if SOUNDER_HAS_MPI
class MpiTransport : public Transport {
 public:
  /// A communicator of its own for reductions by the library itself, called within Endpoint::poll.
  virtual MPI_Comm communicator() = 0;
};
#endif

}  // namespace sounder::mpi
