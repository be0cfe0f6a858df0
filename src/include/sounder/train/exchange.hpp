// What happens between ranks around each round.
#pragma once

#include <sounder/train/backend.hpp>

namespace sounder {

/// A mode between ranks. `fit` calls begin, then the backend's run, then end, once a round, and finish at the end.
/// The default is a single process: nothing happens.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// How many rounds an epoch has.
  virtual int rounds_per_epoch() const { return 1; }
  /// Before a round: may block, may change the parameters (brings what the round will read).
  virtual void begin(const Round&, Parameters&) {}
  /// After a round: publishes its updates.
  virtual void end(const Round&, Parameters&) {}
  /// After the last round: returns when nothing is under way any more.
  virtual void finish(Parameters&) {}
};

}  // namespace sounder
