// Mode `ssp`.
// Guarantee: a rank in clock c (it has completed c rounds) reads every update of every rank's clocks up to c - s - 1, s being
//   --staleness. With --visibility exact it reads those, its own, and nothing else; with at-least newer ones may be among them, so
//   that s = 0 alone is not bsp: s = 0 with exact is.
// Staleness: at most s clocks; no rank starts a clock more than s ahead of the slowest one's.
// Cost per round: a pull and a push to each server of the rows that the round touches: 2 messages there and 1 back, about 12 bytes
//   a sparse row of one float, 4 a float of dense ones, each way.
// Blocks when: a rank is s clocks ahead of the slowest; its pull is parked at the server until the slowest has moved on.
// Fails how: to the pace of the slowest rank, for any s, if it is always the same one. At a large s as async.
// Source: Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", NIPS 2013; movements are
//   merged by the guarded sum (params/merge/guarded_sum.hpp), as plain sums overshoot over long rounds.
#include "modes/served.hpp"

namespace sounder::mpi {

RankModeEntry ssp_mode() {
  return {.pace = Pace::free,
          .serves = true,
          .make = [](const Setting& setting) -> std::unique_ptr<RankDiscipline> {
            return std::make_unique<Served>(setting, KvOptions{.staleness = setting.mpi.clocks(),
                                                               .visibility = setting.mpi.visibility,
                                                               .updater = guarded_sum_updater(),
                                                               .overlay_own = setting.mpi.visibility == Visibility::exact});
          }};
}

}  // namespace sounder::mpi
