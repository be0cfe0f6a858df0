// --audit of modes that merge: silent over merges that are right, and mutants that merge wrongly are counted.
#include <doctest/doctest.h>

#include <bit>
#include <numeric>

#include "gossip/stub.hpp"
#include "merge_audit.hpp"
#include "modes/gossip.hpp"
#include "modes/local.hpp"
#include "mpi/bsp_runs.hpp"

using namespace sounder::mpi;
using namespace sounder::mpi::test;
using sounder::test::BspCase;

namespace {

constexpr int kRounds = 6;
constexpr std::size_t kBspRounds = 8;

Herd herd_of(int ranks) {
  Herd herd;
  herd.ranks = ranks;
  herd.rounds.assign(static_cast<std::size_t>(ranks), kRounds);
  herd.mpi.audit = true;
  herd.train = wander;
  return herd;
}

Herd local_herd(int ranks, Average average = average_by_slices) {
  Herd herd = herd_of(ranks);
  herd.make = [average = std::move(average)](const Setting& setting) { return make_local(setting, average); };
  return herd;
}

Herd gossip_herd(int ranks, Hear hear = hear_same_round) {
  Herd herd = herd_of(ranks);
  herd.make = [hear = std::move(hear)](const Setting& setting) { return make_gossip(setting, hear); };
  return herd;
}

std::vector<ModeTelemetry> told(const Herd& herd) {
  std::vector<ModeTelemetry> all;
  for (const Outcome& out : run(herd)) {
    CHECK(out.error == "");
    all.push_back(out.telemetry);
  }
  return all;
}

std::uint64_t sum_of(const std::vector<ModeTelemetry>& all, std::uint64_t ModeTelemetry::*part) {
  return std::accumulate(all.begin(), all.end(), std::uint64_t{0}, [&](std::uint64_t sum, const ModeTelemetry& one) { return sum + one.*part; });
}
std::uint64_t reads(const std::vector<ModeTelemetry>& all) { return sum_of(all, &ModeTelemetry::reads); }
std::uint64_t violations(const std::vector<ModeTelemetry>& all) { return sum_of(all, &ModeTelemetry::violations); }

bool is_rank(const Setting& setting, int rank) { return setting.endpoint.rank() == rank; }

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("a checksum is linear, and tells vectors apart that differ in a value or in its place") {
    const std::vector<float> a{1, 2, 3, 4}, b{0.5, -1, 8, 0}, moved{2, 1, 3, 4};
    std::vector<float> sum(4);
    for (std::size_t i = 0; i < 4; ++i) sum[i] = a[i] + b[i];
    CHECK(checksum(sum).value == doctest::Approx(checksum(a).value + checksum(b).value).epsilon(1e-12));
    CHECK(std::abs(checksum(moved).value - checksum(a).value) > 0.01);
    CHECK(checksum(b).size == 9.5);
  }

  TEST_CASE("bsp: an audit reads every replica in every round, and finds nothing wrong in any way of adding up") {
    for (const bool deterministic : {false, true})
      for (const sounder::ModelName model : {sounder::ModelName::logistic, sounder::ModelName::mf, sounder::ModelName::mlp}) {
        BspCase c{.model = model, .deterministic = deterministic, .epochs = 1, .most_rounds = kBspRounds, .audit = true};
        for (const int ranks : {1, 2, 5}) {
          c.run(ranks, 2);
          CHECK(violations(c.told) == 0);
          CHECK(reads(c.told) == (ranks == 1 ? 0 : kBspRounds * static_cast<std::uint64_t>(ranks)));
        }
      }
    BspCase c{.epochs = 1, .most_rounds = kBspRounds};
    c.run(2, 1);
    CHECK(reads(c.told) == 0);  // unless asked for
  }

  TEST_CASE("bsp: a tree in another order is no violation") {
    class Permuted final : public TreeReducer {
     public:
      using TreeReducer::TreeReducer;

     protected:
      TreeNode place(TreeNode node) const override { return node.level == 4 ? TreeNode{4, (node.index + 1) % 4} : node; }
    };
    BspCase c{.deterministic = true, .epochs = 1, .most_rounds = kBspRounds, .audit = true};
    c.tree = [](Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options) {
      return std::make_unique<Permuted>(endpoint, numbers, options);
    };
    c.run(4, 1);
    CHECK(violations(c.told) == 0);
  }

  TEST_CASE("bsp: mutants are counted") {
    BspCase c{.epochs = 1, .most_rounds = kBspRounds, .audit = true};
    c.sum = [](int rank, RowReducer& reducer, RowSums mine) {  // what comes to one rank is off in one float
      RowSums sums = reducer.sum(std::move(mine));
      if (rank == 1 && !sums.sums.empty()) sums.sums[0] += 0.1f;
      return sums;
    };
    c.run(3, 1);
    CHECK(violations(c.told) >= kBspRounds);
    CHECK(c.told[1].remark.find("in round 0, rank 1 holds other bits than most ranks") == 0);
    CHECK(c.told[2].violations == 0);

    c.sum = [](int rank, RowReducer& reducer, RowSums mine) {  // all have the same, but one gave nothing
      return reducer.sum(rank == 1 ? RowSums{} : std::move(mine));
    };
    c.run(3, 1);
    CHECK(violations(c.told) == 3 * kBspRounds);
    CHECK(c.told[0].remark.find("in round 0, rank 0 got something else than what all ranks gave") == 0);
  }

  TEST_CASE("local: an audit reads every replica after every average, weighted or not, and finds nothing wrong") {
    for (const int ranks : {1, 2, 4})
      for (const double momentum : {0., 0.5})
        for (const double participation : {1., 0.3}) {
          Herd herd = local_herd(ranks);
          herd.mpi.outer_momentum = momentum;
          herd.mpi.participation = participation;
          herd.mpi.weight_samples = true;
          herd.examples = {10, 30, 4, 7};
          herd.mpi.local_rounds = 2;
          const auto all = told(herd);
          CHECK(violations(all) == 0);
          CHECK(reads(all) == static_cast<std::uint64_t>(ranks == 1 ? 0 : kRounds / 2 * ranks));
        }
  }

  TEST_CASE("local: mutants are counted") {
    // A rank that keeps what it has instead of the mean; with momentum too.
    for (const double momentum : {0., 0.5}) {
      Herd stubborn = local_herd(3);
      stubborn.mpi.outer_momentum = momentum;
      stubborn.make = [](const Setting& setting) {
        return make_local(setting, [mine = is_rank(setting, 2)](MeanReducer& reducer, std::span<const float> base, std::span<float> values,
                                                                double weight, const MeanReducer::Finish& finish) {
          const std::vector<float> own(values.begin(), values.end());
          reducer.reduce(base, values, weight, finish);
          if (mine) std::ranges::copy(own, values.begin());
        });
      };
      const auto all = told(stubborn);
      CHECK(all[2].violations == kRounds);
      CHECK(all[0].violations == 0);
      CHECK(all[2].remark.find("in round 0, rank 2 holds other bits than most ranks") == 0);
    }
    // A mean that leaves a rank out is the same on all, and wrong.
    Herd deaf = local_herd(3);
    deaf.make = [](const Setting& setting) {
      return make_local(setting, [mine = is_rank(setting, 2)](MeanReducer& reducer, std::span<const float> base, std::span<float> values,
                                                              double weight, const MeanReducer::Finish& finish) {
        reducer.reduce(base, values, mine ? 0 : weight, finish);
      });
    };
    CHECK(violations(told(deaf)) == 3 * kRounds);
  }

  TEST_CASE("gossip: an audit reads every frame, every mixing and the last mean, also when ranks leave, and finds nothing wrong") {
    for (const auto& [topology, degree] : std::initializer_list<std::pair<std::string, std::uint64_t>>{{"ring", 2}, {"complete", 3}, {"one-peer", 1}}) {
      Herd herd = gossip_herd(4);
      herd.mpi.topology = topology;
      const auto all = told(herd);
      CHECK(violations(all) == 0);
      CHECK(reads(all) == 4 * (kRounds * (degree + 1) + 1));
      herd.rounds = {1, 6, 3, 5};
      CHECK(violations(told(herd)) == 0);
    }
  }

  TEST_CASE("gossip: mutants are counted") {
    const auto altered = [](const std::function<void(Frame&)>& alter) {
      return told(gossip_herd(4, [alter](Endpoint& endpoint, int source, std::uint64_t round) {
        Frame frame = hear_same_round(endpoint, source, round);
        if (endpoint.rank() == 1 && source == 2 && round == 3) alter(frame);
        return frame;
      }));
    };
    // A sender that reckons with another weight.
    auto all = altered([](Frame& frame) { frame.header.sequence = std::bit_cast<std::uint64_t>(0.25); });
    CHECK(all[1].violations == 1);
    CHECK(all[1].remark.find("in round 3, rank 2 reckons with another weight than a neighbour") == 0);
    // Values that are not those that were sent: as a merge in place with a value that changes meanwhile would take.
    all = altered([](Frame& frame) {
      std::vector<float> values(frame.payload.as<float>().begin(), frame.payload.as<float>().end());
      values[5] += 0.01f;
      frame.payload = Payload::of(std::move(values));
    });
    CHECK(all[1].violations == 1);
    CHECK(all[1].remark.find("in round 3, a mixing is not made of what was sent") == 0);
    CHECK(violations(all) == 1);
    // Another round.
    all = altered([](Frame& frame) { --frame.header.clock; });
    CHECK(all[1].violations == 1);
  }
}
