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
// With --staleness lo..hi each rank chooses s anew for each read (protocol/staleness_choice.hpp): lo, and where it would have to wait, as much more, up to
//   hi, as will make the wait shortest, if all ranks go on as before. All promises hold for hi; lo = hi is plain ssp. (Zhao et al.,
//   "Dynamic stale synchronous parallel distributed training for deep learning", ICDCS 2019.)
#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "modes/served.hpp"
#include "protocol/staleness_choice.hpp"

namespace sounder::mpi {
namespace {

class Dynamic final : public Served {
 public:
  Dynamic(const Setting& setting, KvOptions options)
      : Served(setting, std::move(options)), least_(*setting.mpi.least_staleness), most_(setting.mpi.clocks()), time_(setting.endpoint.time()), choice_(least_, most_) {}

  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = Served::telemetry();
    if (telemetry.remark.empty()) telemetry.remark = fmt::format("staleness {} to {} by the pace: {:.2g} in the mean of rank 0's reads", least_, most_, chosen_.mean());
    return telemetry;
  }

 private:
  double now() const { return std::chrono::duration<double>(time_.now().time_since_epoch()).count(); }
  /// What the reads so far missed of the slowest rank, in clocks, added up.
  double missed() const {
    const Histogram reads = Served::telemetry().staleness_clocks;
    return reads.mean() * static_cast<double>(reads.count());
  }

  void about_to_read() override {
    const std::uint64_t staleness = choice_.choose(store().clock_number(), now());
    chosen_.add(staleness);
    store().set_staleness(staleness);
  }
  void has_read() override {
    const double all = missed();
    const auto lead = static_cast<std::uint64_t>(std::llround(all - missed_));
    missed_ = all;
    const std::uint64_t clock = store().clock_number();
    choice_.read(clock - std::min(clock, lead), now());
  }

  const std::uint64_t least_, most_;
  const Time& time_;
  StalenessChoice choice_;
  Histogram chosen_;
  double missed_ = 0;
};

}  // namespace

RankModeEntry ssp_mode() {
  return {.pace = Pace::free,
          .serves = true,
          .make = [](const Setting& setting) -> std::unique_ptr<RankDiscipline> {
            KvOptions options{.staleness = setting.mpi.clocks(),
                              .visibility = setting.mpi.visibility,
                              .updater = guarded_sum_updater(),
                              .overlay_own = setting.mpi.visibility == Visibility::exact};
            if (setting.mpi.least_staleness) return std::make_unique<Dynamic>(setting, std::move(options));
            return std::make_unique<Served>(setting, std::move(options));
          }};
}

}  // namespace sounder::mpi
