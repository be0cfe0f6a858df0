// Mode bsp, layer by layer: pieces of a gradient travel while others are computed.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "mpi/bsp_runs.hpp"
#include "mpi/distance.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

BspCase layered() { return {.model = ModelName::mlp, .examples = 256, .batch = 64, .dense = true}; }

/// Pieces that rank 1, or each, announces as `Other` says.
template <class Other>
void announce_by(BspCase& c, bool each = false) {
  c.buckets = [each](int rank, Endpoint& endpoint, std::unique_ptr<WalkedReducer> reducer, std::vector<std::size_t> ends) -> std::unique_ptr<Buckets> {
    if (each || rank == 1) return std::make_unique<Other>(endpoint, std::move(reducer), std::move(ends));
    return std::make_unique<Buckets>(endpoint, std::move(reducer), std::move(ends));
  };
}

class Backwards final : public Buckets {
 public:
  using Buckets::Buckets;
  void announce(std::size_t i) override {
    if (i + 1 == count())
      for (std::size_t k = count(); k-- > 0;) Buckets::announce(k);
  }
};

class Early final : public Buckets {
 public:
  using Buckets::Buckets;
  /// Piece 2 leaves with the first, when only the round before has written it. It has come when it is written, so that no memory is shared.
  void announce(std::size_t i) override {
    if (i == 2) return;
    Buckets::announce(i);
    if (i > 0) return;
    Buckets::announce(2);
    await(2);
  }
};

class Never final : public Buckets {
 public:
  using Buckets::Buckets;
  void announce(std::size_t i) override {
    if (i != 2) Buckets::announce(i);
  }
};

class MixedUp final : public Buckets {
 public:
  using Buckets::Buckets;
  void announce(std::size_t i) override {
    if (i == 1) return;
    if (i == 2) {
      std::ranges::swap_ranges((*this)[1], (*this)[2]);
      Buckets::announce(1);
    }
    Buckets::announce(i);
  }
};

std::uint64_t violations(const BspCase& c) {
  std::uint64_t sum = 0;
  for (const ModeTelemetry& told : c.told) sum += told.violations;
  return sum;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("bsp layer by layer does the steps of one process, and what travels meanwhile changes no bit") {
    for (const RuleName rule : {RuleName::sgd, RuleName::adam}) {
      BspCase c = layered();
      c.rule = rule;
      c.audit = true;
      const std::vector<float> alone = by_hand(c);
      for (const int ranks : {1, 2, 3, 4}) {
        if (kThreadSanitizer && ranks == 4) continue;
        CAPTURE(name_of(kRules, rule));
        CAPTURE(ranks);
        c.overlap = false;
        const auto apart = c.run(ranks, 1);
        CHECK(apart[0].size() == alone.size());
        CHECK(distance_of(alone, apart[0]) < (rule == RuleName::sgd ? 1e-5 : 1e-4));  // adam divides by roots of small sums
        for (const int threads : {1, 2}) {
          c.overlap = true;
          const auto replicas = c.run(ranks, threads);
          for (const auto& replica : replicas) CHECK(same_bits(replica, apart[0]));
          CHECK(violations(c) == 0);
          CHECK((c.told[0].remark.find("travel in") != std::string::npos) == (ranks > 1));
        }
      }
    }
  }

  TEST_CASE("pieces may be of any size, and go through any reducer that walks") {
    BspCase c = layered();
    const std::vector<float> alone = by_hand(c);
    for (const ReducerName reducer : {ReducerName::ring, ReducerName::double_ring, ReducerName::tree, ReducerName::hierarchical})
      for (const std::size_t bytes : {std::size_t{4}, std::size_t{256}, std::size_t{1} << 20}) {
        if (kThreadSanitizer && bytes == 4) continue;
        c.reducer = reducer;
        c.piece_bytes = bytes;
        CAPTURE(name_of(kReducers, reducer));
        CAPTURE(bytes);
        const auto replicas = c.run(3, 1);
        for (const auto& replica : replicas) CHECK(same_bits(replica, replicas[0]));
        CHECK(distance_of(alone, replicas[0]) < 1e-5);
      }
  }

  TEST_CASE("a rank without examples in a round gives zeros, and which of them have none changes no bit") {
    BspCase c = layered();
    c.silent_rank = 1;
    const auto replicas = c.run(3, 1);
    for (const auto& replica : replicas) CHECK(same_bits(replica, replicas[0]));
    CHECK(distance_of(by_hand(c), replicas[0]) > 1e-3);
  }

  TEST_CASE("ranks may announce pieces in different orders: these come together by their numbers") {
    BspCase c = layered();
    const auto replicas = c.run(3, 1);
    announce_by<Backwards>(c);
    for (const auto& replica : c.run(3, 1)) CHECK(same_bits(replica, replicas[0]));
  }

  TEST_CASE("a piece that is announced before it is complete, and one that is taken for another, are seen in the bits and by the audit") {
    BspCase c = layered();
    c.audit = true;
    const std::vector<float> alone = by_hand(c);
    const auto caught = [&] {
      const auto replicas = c.run(3, 1);
      return distance_of(alone, replicas[0]) > 1e-3 && violations(c) > 0;
    };
    CHECK(!caught());
    announce_by<Early>(c, true);
    CHECK(caught());
    announce_by<MixedUp>(c);
    CHECK(caught());
  }

  TEST_CASE("a piece that is never announced is an error of who waits for it there, and ends the others' waits") {
    BspCase c = layered();
    announce_by<Never>(c);
    std::string said;
    try {
      c.run(3, 1);
    } catch (const Error& error) {
      said = error.what();
    }
    CHECK(said.find("piece 3 of") != std::string::npos);
    CHECK(said.find("never announced") != std::string::npos);
  }
}
