// Mode backup over a simulated network: which gradients a step adds up, and who is taken out.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "protocol/backup.hpp"
#include "skip.hpp"
#include "transport/sim.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// In place of a gradient: whose, and of which step. A sum is the list of them.
struct Mark {
  std::int32_t rank;
  std::int32_t step;
  auto operator<=>(const Mark&) const = default;
};

std::vector<std::byte> listed(std::span<const Payload> gradients) {
  std::vector<std::byte> all;
  for (const Payload& gradient : gradients) all.insert(all.end(), gradient.bytes().begin(), gradient.bytes().end());
  return all;
}

/// The negative control: what comes late counts for the step that is under way.
class TakesLate final : public BackupServer {
 public:
  using BackupServer::BackupServer;

 protected:
  std::uint64_t step_of(const Header& header) const override { return std::max(header.clock, closed()); }
};

struct Case {
  int ranks = 4, backup = 1, evict_after = 0, steps = 30;
  std::uint64_t seed = 0;
  int slow_rank = -1;
  double multiple = 10, compute = 4;
  bool takes_late = false;
  int owners = 0;  ///< 0: all ranks
  int all_owners() const { return owners > 0 ? owners : ranks; }
};

/// What a rank saw of a step.
struct Seen {
  std::vector<std::vector<Mark>> sums;  ///< by owner
  BackupServer::Verdict verdict;
};

/// A rank as modes/backup.cpp has it, its training a timer.
class Rank final : public SimActor {
 public:
  Rank(Sim& sim, const Case& c, int rank) : sim_(sim), case_(c), rank_(rank) {
    BackupServer::Plan plan{.rank = rank, .ranks = c.ranks, .owners = c.all_owners(), .members = {}, .needed = c.ranks - c.backup, .evict_after = c.evict_after};
    for (int i = 0; i < c.ranks; ++i) plan.members.push_back(i);
    server_ = c.takes_late ? std::make_unique<TakesLate>(plan, listed) : std::make_unique<BackupServer>(plan, listed);
  }

  void begin() {
    computes_ = true;
    computed_ = step_;
    ++own;
    sim_.timer(rank_, case_.compute * (rank_ == case_.slow_rank ? case_.multiple : 0.5 + sim_.random().uniform()), 0);
  }
  void on_timer(std::uint64_t, Outbox& out) override {
    computes_ = false;
    const Payload mark = Payload::of(std::vector<Mark>{{rank_, static_cast<std::int32_t>(computed_)}});
    if (server_->closed() == computed_ || case_.takes_late)
      for (int owner = 0; owner < case_.all_owners(); ++owner) out.send(owner, {.kind = Kind::push, .channel = Channel::bulk, .clock = computed_}, mark);
    go_on(out);
  }
  void on_frame(Frame frame, Outbox& out) override {
    if (frame.header.kind != Kind::values) return server_->receive(frame, out);
    came_[frame.header.clock][frame.header.source] = frame;
    go_on(out);
  }

  std::vector<Seen> seen;
  bool left = false;
  double left_at = 0;
  std::uint64_t own = 0;  ///< rounds computed

 private:
  void go_on(Outbox& out) {
    if (computes_) return;
    while (came_[step_].size() == static_cast<std::size_t>(case_.all_owners())) {
      Seen now;
      for (const auto& [owner, frame] : came_[step_]) {
        now.verdict = BackupServer::verdict_of(frame.payload);
        const auto bytes = frame.payload.bytes().subspan(now.verdict.bytes());
        auto& marks = now.sums.emplace_back(bytes.size() / sizeof(Mark));
        if (!bytes.empty()) std::memcpy(marks.data(), bytes.data(), bytes.size());
      }
      for (const int rank : now.verdict.evicted) evicted_ |= rank == rank_;
      seen.push_back(std::move(now));
      came_.erase(step_++);
    }
    if (left || (step_ <= computed_ && !evicted_)) return;
    if (step_ >= static_cast<std::uint64_t>(case_.steps)) {
      left = true;
      left_at = sim_.now();
      for (int owner = 0; owner < case_.all_owners(); ++owner)
        out.send(owner, {.kind = Kind::push, .channel = Channel::bulk, .detail = BackupServer::kGoodbye});
    } else if (!evicted_) {
      begin();
    }
  }

  Sim& sim_;
  const Case& case_;
  const int rank_;
  std::unique_ptr<BackupServer> server_;
  std::map<std::uint64_t, std::map<int, Frame>> came_;
  std::uint64_t step_ = 0, computed_ = 0;
  bool computes_ = false, evicted_ = false;
};

struct Ended {
  std::vector<std::unique_ptr<Rank>> ranks;
  double seconds = 0;  ///< until the first had made all steps
  bool all_left = true;
};

Ended simulate(const Case& c) {
  Sim sim({.ranks = c.ranks, .seed = c.seed, .shortest = 0.05, .longest = 1});
  Ended ended;
  for (int rank = 0; rank < c.ranks; ++rank) {
    ended.ranks.push_back(std::make_unique<Rank>(sim, c, rank));
    sim.attach(rank, *ended.ranks.back());
  }
  for (auto& rank : ended.ranks) rank->begin();
  sim.run();
  ended.seconds = 1e30;
  for (const auto& rank : ended.ranks) {
    ended.all_left &= rank->left;
    if (rank->left) ended.seconds = std::min(ended.seconds, rank->left_at);
  }
  return ended;
}

/// Whether all ranks saw the same steps, each the sum of needed gradients of as many ranks, all of that step.
bool lawful(const Case& c, const Ended& ended) {
  if (!ended.all_left) return false;
  for (const auto& rank : ended.ranks) {
    const auto& seen = rank->seen;
    if (seen.size() != ended.ranks[0]->seen.size() || seen.size() < static_cast<std::size_t>(c.steps)) return false;
    for (std::size_t step = 0; step < seen.size(); ++step) {
      const auto& verdict = seen[step].verdict;
      if (verdict.counted != ended.ranks[0]->seen[step].verdict.counted || verdict.evicted != ended.ranks[0]->seen[step].verdict.evicted) return false;
      // Fewer never count; none do, once ranks have left.
      if (static_cast<int>(verdict.counted.size()) != c.ranks - c.backup && !(verdict.counted.empty() && step + 1 >= static_cast<std::size_t>(c.steps)))
        return false;
      for (const auto& marks : seen[step].sums) {
        if (marks.size() != verdict.counted.size()) return false;
        for (std::size_t i = 0; i < marks.size(); ++i)
          if (marks[i] != Mark{verdict.counted[i], static_cast<std::int32_t>(step)}) return false;
      }
      if (std::set(verdict.counted.begin(), verdict.counted.end()).size() != verdict.counted.size()) return false;
    }
  }
  return true;
}

constexpr std::uint64_t kDraws = sounder::test::kThreadSanitizer ? 100 : 2000;

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("backup: every step adds up the gradients of exactly n - b ranks, all of that step, the same on all ranks") {
    std::set<std::vector<std::int32_t>> sets;
    for (std::uint64_t seed = 0; seed < kDraws; ++seed)
      for (const int backup : {0, 1, 2}) {
        const Case c{.backup = backup, .steps = 12, .seed = seed, .slow_rank = seed % 3 ? -1 : 2, .multiple = 3, .owners = static_cast<int>(seed % 4)};
        const Ended ended = simulate(c);
        CAPTURE(seed);
        CAPTURE(backup);
        REQUIRE(lawful(c, ended));
        if (backup == 1)
          for (const Seen& seen : ended.ranks[0]->seen) sets.insert(seen.verdict.counted);
      }
    CHECK(sets.size() >= 4);  // any rank may be the one that is too late
  }

  TEST_CASE("backup: a server that takes late gradients for the step under way is caught") {
    std::uint64_t caught = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const Case c{.seed = seed, .slow_rank = 2, .multiple = 3, .takes_late = true};
      caught += !lawful(c, simulate(c));
    }
    CHECK(caught > 90);
  }

  TEST_CASE("backup: ranks that leave are not as many steps, of which all ranks would be told") {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Case c{.ranks = 64, .backup = 16, .steps = 5, .seed = seed, .owners = 16};
      const Ended ended = simulate(c);
      REQUIRE(ended.all_left);
      for (const auto& rank : ended.ranks) CHECK(rank->seen.size() <= static_cast<std::size_t>(c.steps) + 3);
    }
  }

  TEST_CASE("backup: one slow rank slows nobody down, and without backups it slows all") {
    double alike = 0, one_slow = 0, without = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      alike += simulate({.seed = seed}).seconds;
      one_slow += simulate({.seed = seed, .slow_rank = 3}).seconds;
      without += simulate({.backup = 0, .seed = seed, .slow_rank = 3}).seconds;
    }
    CHECK(one_slow < 1.5 * alike);  // the other three are waited for, instead of the first three of four
    CHECK(without > 5 * alike);
  }

  TEST_CASE("backup: who missed so many steps in a row is taken out at the same step for everyone, and computes no more") {
    for (std::uint64_t seed = 0; seed < kDraws / 10; ++seed) {
      const Case c{.evict_after = 8, .steps = 60, .seed = seed, .slow_rank = 2, .multiple = 40};
      const Ended ended = simulate(c);
      REQUIRE(lawful(c, ended));  // the same views, too
      std::vector<std::pair<std::size_t, std::int32_t>> evicted;
      const auto& seen = ended.ranks[1]->seen;
      for (std::size_t step = 0; step < seen.size(); ++step) {
        for (const auto rank : seen[step].verdict.evicted) evicted.emplace_back(step, rank);
        if (step > 0 && !evicted.empty() && evicted[0].first < step && !seen[step].verdict.counted.empty())
          CHECK(std::ranges::count(seen[step].verdict.counted, 2) == 0);
      }
      REQUIRE(evicted.size() == 1);
      CHECK(evicted[0] == std::pair<std::size_t, std::int32_t>{7, 2});
      CHECK(ended.ranks[2]->own == 1);
    }
    // It is the limit that takes out, not the slowness; and no more than the backups may go.
    const auto evictions = [](const Case& c) {
      std::size_t count = 0;
      const Ended ended = simulate(c);
      for (const Seen& seen : ended.ranks[0]->seen) count += seen.verdict.evicted.size();
      return count;
    };
    CHECK(evictions({.seed = 1, .slow_rank = 2, .multiple = 40}) == 0);
    CHECK(evictions({.evict_after = 1000, .seed = 1, .slow_rank = 2, .multiple = 40}) == 0);
    CHECK(evictions({.backup = 0, .evict_after = 1, .seed = 1, .slow_rank = 2}) == 0);
    CHECK(evictions({.backup = 2, .evict_after = 1, .seed = 1}) == 2);
  }
}
