// The ranks of a run, and how a program becomes one of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace sounder::mpi {

class Endpoint;

/// This rank's place among the ranks. Owns the communication thread, the only one that calls the MPI library.
///
/// Thread level. MPI must allow calls from a thread other than the main one, one at a time: MPI_THREAD_SERIALIZED. If nobody
/// has initialized MPI, World does, and finalizes it at its end. If the program has, its level must be SERIALIZED or more; with
/// SERIALIZED the program must not call MPI itself while a World lives, with MULTIPLE it may.
class World {
 public:
  /// A rank of the MPI job that this process belongs to; without mpirun, the only one. Throws Error if MPI was not compiled in.
  static World of_mpi(double deadline_seconds = 60);
  /// The same over an embedder's communicator (an MPI_Comm; it is duplicated) of an initialized MPI.
  static World of_communicator(void* mpi_comm, double deadline_seconds = 60);
  /// Calls work(world) on `ranks` threads of this process, each a rank, and waits. The first exception is rethrown.
  static void run_inproc(int ranks, const std::function<void(World&)>& work, double deadline_seconds = 60);

  explicit World(std::unique_ptr<Endpoint> endpoint);
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;
  ~World();

  int rank() const;
  int size() const;
  int local_rank() const;    ///< among the ranks on this machine
  std::string host() const;
  std::string transport() const;
  Endpoint& endpoint() { return *endpoint_; }

 private:
  std::unique_ptr<Endpoint> endpoint_;
  int local_rank_ = 0;
};

}  // namespace sounder::mpi
