// The ranks of a run, and how a program becomes one of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sounder/mpi/sim_model.hpp>

namespace sounder::mpi {

class Endpoint;

/// This rank's place among the ranks. Owns the communication thread, which calls the MPI library; so do threads that wait for it, one at a time.
///
/// Thread level. MPI must allow calls from a thread other than the main one, one at a time: MPI_THREAD_SERIALIZED. If nobody
/// has initialized MPI, World does, and finalizes it at its end. If the program has, its level must be SERIALIZED or more; with
/// SERIALIZED the program must not call MPI itself while a World lives, with MULTIPLE it may.
class World {
 public:
  /// A rank of the MPI job that this process belongs to; without mpirun, the only one. Throws Error if MPI was not compiled in.
  static World of_mpi(double deadline_seconds = 60);
  /// The same over a communicator of the program, given by its address (it is duplicated); <sounder/mpi/communicator.hpp> has it typed.
  static World of_communicator(const void* mpi_comm, double deadline_seconds = 60);
  /// Calls work(world) on `ranks` threads of this process, each a rank, and waits. The first exception of any is rethrown, when all
  /// have ended; the others are told at once, and fail with RankLost where they wait.
  static void run_inproc(int ranks, const std::function<void(World&)>& work, double deadline_seconds = 60);

  /// The same in virtual time: one thread of all runs at a time, and what `model` says of rounds and messages passes while nobody does. The same
  /// seed, and work that is the same: the same run in every bit, deadlines and waits included. Work that computes by threads of its own, or looks
  /// at a clock of the machine, is not.
  static void run_sim(int ranks, const SimModel& model, std::uint64_t seed, const std::function<void(World&)>& work, double deadline_seconds = 60);

  /// Called by all ranks together: they tell each other their machines.
  explicit World(std::unique_ptr<Endpoint> endpoint);
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;
  /// Over MPI: waits until all ranks get here. After RankLost it does not wait.
  ~World();

  int rank() const;
  int size() const;
  int local_rank() const;    ///< among the ranks on this machine
  std::string host() const;
  std::string transport() const;  ///< "Open MPI 4.1.4", "threads of one process", "simulated ranks, virtual seconds"
  /// The run is over, for this one-sentence reason: the other ranks are told it, and fail with RankLost where they wait. The first
  /// reason stays.
  void fail(const std::string& reason);
  /// After a failure: which rank should say so to people, the lowest that is not missing.
  int speaker() const;
  /// Ends all ranks' processes with this exit status. What a program should do after RankLost: the MPI library is not finalized then,
  /// and the processes that still answer would be left to each other.
  [[noreturn]] void abort(int status);
  Endpoint& endpoint() { return *endpoint_; }

 private:
  std::unique_ptr<Endpoint> endpoint_;
  int local_rank_ = 0;
};

}  // namespace sounder::mpi
