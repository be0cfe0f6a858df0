// Workers beside a team that add up gradients: those of a GPU.
#pragma once

#include <sounder/params/table.hpp>
#include <sounder/train/chunk_queue.hpp>

namespace sounder {

struct Round;

/// What was gathered, for every row of the parameters and laid out as these are: 0 where nobody touched it.
struct Gathered {
  Cells sums;    ///< of b * x
  Cells decays;  ///< of a: the same for all weights of a row
};

/// For modes that step on a sum of gradients at parameters that nobody moves meanwhile. What Gradient is to one worker of the team.
class Gatherer {
 public:
  virtual ~Gatherer() = default;
  /// Whether the team is to gather as well, from the same queue.
  virtual bool beside_team() const = 0;
  /// Begins to pull chunks of the round, and returns. end() must follow.
  virtual void begin(const Round&, ChunkQueue&) = 0;
  /// Returns when no chunk is left and all those taken are in the sums, which stay until the next begin(). Throws what went wrong.
  virtual Gathered end() = 0;
  /// After end(): nobody steps on those sums, so their examples are no updates.
  virtual void discard() = 0;
};

}  // namespace sounder
