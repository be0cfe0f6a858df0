// Mode rma: windows of ranks that are threads, and the mode over them.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "gossip/stub.hpp"
#include "modes/rma.hpp"
#include "skip.hpp"
#include "windows.hpp"

using namespace sounder::mpi;
using namespace sounder::mpi::test;
using sounder::test::keeps_all_adds;
using sounder::test::LosesAdds;

namespace {

/// What a mutant of several threads reads and writes.
struct Shared {
  explicit Shared(int ranks) : floats(static_cast<std::size_t>(ranks)), counts(floats.size()) {}
  std::vector<std::vector<std::atomic<float>>> floats;
  std::vector<std::vector<std::atomic<std::uint64_t>>> counts;
  std::atomic<std::uint64_t> gets{0};
};

/// Puts when all ranks have got as often: each rank's adds are then lost to the others, whatever the timing.
class Torn {
 public:
  Torn(std::shared_ptr<Shared> shared, int rank, std::span<const float> own, std::size_t counts, bool counts_too) : shared_(std::move(shared)), counts_too_(counts_too) {
    const auto place = static_cast<std::size_t>(rank);
    shared_->floats[place] = std::vector<std::atomic<float>>(own.size());
    for (std::size_t i = 0; i < own.size(); ++i) shared_->floats[place][i] = own[i];
    shared_->counts[place] = std::vector<std::atomic<std::uint64_t>>(counts);
  }
  void get(int rank, std::uint64_t first, std::span<float> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = shared_->floats[static_cast<std::size_t>(rank)][first + i];
  }
  void put(int rank, std::uint64_t first, std::span<const float> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) shared_->floats[static_cast<std::size_t>(rank)][first + i] = values[i];
  }
  void count(int rank, const std::vector<std::uint64_t>& by, std::vector<std::uint64_t>& before) const {
    auto& counts = shared_->counts[static_cast<std::size_t>(rank)];
    for (std::size_t i = 0; i < by.size(); ++i) {
      before[i] = counts[i].fetch_add(by[i]);
      if (counts_too_ && i == 0 && by[i] > 0 && before[i] % 3 == 1) counts[i] -= by[i];  // as if two had got the same
    }
  }
  void got() { ++own_gets_, ++shared_->gets; }
  bool may_put() const { return shared_->gets >= own_gets_ * shared_->floats.size(); }
  void close() const {}

 private:
  std::shared_ptr<Shared> shared_;
  bool counts_too_;
  std::uint64_t own_gets_ = 0;
};

WindowOpener torn(int ranks, bool counts_too = false) {
  return [shared = std::make_shared<Shared>(ranks), counts_too](Transport& transport, std::span<const float> own, std::size_t counts) {
    return std::make_unique<LosesAdds<Torn>>(Torn(shared, transport.rank(), own, counts, counts_too));
  };
}

constexpr int kRounds = 12;

/// Every rank adds 1 to all weights in each round, and 2 in every other one.
Herd herd_of(int ranks, const WindowOpener& open) {
  Herd herd;
  herd.ranks = ranks;
  herd.rounds.assign(static_cast<std::size_t>(ranks), kRounds);
  herd.layout = small_layout(1000);  // for each rank some
  herd.make = [open](const Setting& setting) { return make_rma(setting, open); };
  herd.train = [](int, int round, std::vector<float>& weights) {
    for (float& weight : weights) weight += 1 + static_cast<float>(round % 2);
  };
  return herd;
}

/// The largest distance from the sum of all movements. All ranks must end alike.
double off(const Herd& herd, const std::vector<Outcome>& outcomes) {
  const auto start = start_weights(herd.layout);
  std::vector<double> sum(start.begin(), start.end());
  for (double& weight : sum) weight += herd.ranks * kRounds * 1.5;
  double most = 0;
  for (const Outcome& out : outcomes) {
    CHECK(out.error == "");
    CHECK(out.end == outcomes[0].end);
    most = std::max(most, largest_difference(out.end, sum));
  }
  return most;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("windows of threads lose no add, and a rank reads its own; of several ranks a get and a put instead lose some") {
    for (const int ranks : {1, 2, 3, 4}) {
      CAPTURE(ranks);
      std::atomic<int> bad{0};
      World::run_inproc(ranks, [&](World& world) {
        for (int repeat = 0; repeat < 3; ++repeat) CHECK(keeps_all_adds(world.endpoint(), open_window));
      });
      const WindowOpener mutant = torn(ranks);
      World::run_inproc(ranks, [&](World& world) { bad += !keeps_all_adds(world.endpoint(), mutant, 1); });
      CHECK((bad > 0) == (ranks > 1));
    }
  }

  TEST_CASE("rma ends with the sum of all movements on every rank, where windows lose none") {
    for (const int ranks : {1, 2, 4}) {
      CAPTURE(ranks);
      const Herd herd = herd_of(ranks, open_window);
      const auto outcomes = run(herd);
      CHECK(off(herd, outcomes) < 1e-3);
      for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
        const Outcome& out = outcomes[rank];
        CHECK(out.states == std::vector<float>(1000, static_cast<float>(rank)));  // a rule's state does not travel
        CHECK(out.pads == kRounds);
        CHECK(out.telemetry.violations == 0);
        CHECK(out.telemetry.remark == "");
        CHECK(out.telemetry.reads == static_cast<std::uint64_t>(kRounds * ranks + 1));
        CHECK(out.telemetry.staleness_updates.count() == static_cast<std::uint64_t>(kRounds * ranks));
        if (ranks == 1) CHECK(out.telemetry.staleness_updates.max() == 0);
        CHECK(out.telemetry.staleness_clocks.count() == 0);
      }
    }
    const Herd mutant = herd_of(3, torn(3));
    CHECK(off(mutant, run(mutant)) >= kRounds);
  }

  TEST_CASE("the audit of rma sees adds that are not counted, on every rank that lost some") {
    for (const int ranks : {2, 3}) {
      const auto outcomes = run(herd_of(ranks, torn(ranks, true)));
      for (const Outcome& out : outcomes) {
        CHECK(out.telemetry.violations > 0);
        CHECK(out.telemetry.remark.find("adds") != std::string::npos);
      }
    }
  }

  TEST_CASE("simulated ranks have no windows, and say what to do") {
    CHECK_THROWS_WITH_AS(World::run_sim(2, {}, 1, [](World& world) { world.endpoint().run([&] { open_window(world.endpoint().transport(), {}, 1); }); }),
                         doctest::Contains("--mode async"), sounder::Error);
  }
}
