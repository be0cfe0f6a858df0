// Ranks that are threads of one process: payloads are handed over by pointer.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "transport/transport.hpp"

namespace sounder::mpi {

/// What becomes of a frame on its way, for tests.
struct Fate {
  bool lost = false;
  double delay_seconds = 0;  ///< frames behind it on the channel wait too: they do not overtake
};

/// The wires between the ranks of one process. Its transports keep it alive.
class InprocNetwork : public std::enable_shared_from_this<InprocNetwork> {
 public:
  /// `wants_help`: what its transports say.
  static std::shared_ptr<InprocNetwork> make(int ranks, bool wants_help = false);
  virtual ~InprocNetwork() = default;
  virtual std::unique_ptr<Transport> transport(int rank) = 0;
  /// From now on nothing comes from this rank, and nothing reaches it, but what it sends itself. Any thread.
  virtual void cut_off(int rank) = 0;
  /// Asked for every frame, on the sender's communication thread. Set before the first frame.
  virtual void set_fate(std::function<Fate(int from, int to, const Header& header)> fate) = 0;
};

}  // namespace sounder::mpi
