// Mode `async`.
// Guarantee: every push is applied once, and a rank's pull holds its own earlier pushes; after the last one all ranks read the same.
// Staleness: unbounded; measured, in updates by others between a rank's pull and its push. About ranks - 1 where all are as fast.
// Cost per round: as ssp: a pull and a push to each server of the rows that the round touches.
// Blocks when: never for another rank's training; only for the answer of a server.
// Fails how: late movements overshoot: noisy, at large steps divergent. --compensate scale divides them by their staleness, dc
//   corrects them to first order. Without either, they are merged by the guarded sum (params/merge/guarded_sum.hpp).
// Source: Dean et al., "Large scale distributed deep networks" (Downpour SGD), NIPS 2012; Zhang et al., "Staleness-aware
//   async-SGD", IJCAI 2016; Zheng et al., "Asynchronous SGD with delay compensation", ICML 2017.
#include "modes/served.hpp"

namespace sounder::mpi {
namespace {

UpdaterFactory updater_of(const Options& options) {
  switch (options.compensate) {
    case Compensate::none: break;
    case Compensate::scale: return scaled_updater();
    case Compensate::dc: return delay_compensated_updater(static_cast<float>(options.dc_lambda));
  }
  return guarded_sum_updater();
}

}  // namespace

RankModeEntry async_mode() {
  return {.pace = Pace::free,
          .serves = true,
          .make = [](const Setting& setting) -> std::unique_ptr<RankDiscipline> {
            return std::make_unique<Served>(setting, KvOptions{.updater = updater_of(setting.mpi)});
          }};
}

}  // namespace sounder::mpi
