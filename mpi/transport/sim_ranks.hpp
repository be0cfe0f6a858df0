// Ranks that train for real, in virtual time: one thread of all runs, and hands over where it waits (docs/adr/0014).
#pragma once

#include <cstdint>
#include <memory>

#include <sounder/mpi/sim_model.hpp>

#include "transport/transport.hpp"

namespace sounder::mpi {

/// The simulated world. Its transports keep it alive. All transports must be given to endpoints before the first rank begins.
class SimRanks {
 public:
  /// The same model and seed, and ranks that do the same: the same run.
  static std::shared_ptr<SimRanks> make(int ranks, const SimModel& model, std::uint64_t seed);
  virtual ~SimRanks() = default;
  virtual std::unique_ptr<Transport> transport(int rank) = 0;
  /// The first call on the thread of a rank: returns when it is its turn. Who has made the world has the first one, as rank 0, and does not call it.
  virtual void enter(int rank) = 0;
  /// The last one: hands over to the others.
  virtual void leave(int rank) = 0;
};

}  // namespace sounder::mpi
