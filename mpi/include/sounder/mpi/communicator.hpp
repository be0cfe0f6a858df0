// A World over a communicator of the program, with its type. Needs <mpi.h>; nothing else of Sounder does.
#pragma once

#include <mpi.h>

#include <sounder/mpi/world.hpp>

namespace sounder::mpi {

/// A rank of `communicator`, which is duplicated and stays the program's own; called by all its ranks. MPI must have been initialized
/// by MPI_Init_thread with MPI_THREAD_SERIALIZED or more (Error otherwise), and be finalized after the World's end.
inline World world_of(MPI_Comm communicator, double deadline_seconds = 60) {
  return World::of_communicator(&communicator, deadline_seconds);
}

}  // namespace sounder::mpi
