// What the MPI library does without Sounder: what the programs of this folder measure against.
#pragma once

#include <span>

#include <mpi.h>

namespace sounder::bench {

/// MPI as the program's own, so that its settings (yielding where ranks are more than cores) are those of mpirun.
class OwnMpi {
 public:
  OwnMpi(int& argc, char**& argv);  ///< throws Error
  ~OwnMpi();
  OwnMpi(const OwnMpi&) = delete;
  OwnMpi& operator=(const OwnMpi&) = delete;
};

/// Rank 0 sends the vector to each of ranks 1 ... size - 1, an equal part, which answer with an empty message.
void raw_push(int rank, int size, std::span<float> vector);
/// Rank 0 asks each of the others by an empty message for its part.
void raw_pull(int rank, int size, std::span<float> vector);
/// As many round trips of rank 0 and 1, of `bytes` there and back.
void raw_ping_pong(int rank, int rounds, int bytes);
/// In place, and from one buffer to another: the library takes other ways then.
void raw_allreduce(std::span<float> vector);
void raw_allreduce(std::span<const float> from, std::span<float> to);
void raw_iallreduce(std::span<float> vector);
void raw_iallreduce(std::span<const float> from, std::span<float> to);

}  // namespace sounder::bench
