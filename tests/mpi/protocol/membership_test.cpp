// Who is missing: every order in which messages can arrive, every place where a rank can stop, and what then must not happen.
#include <doctest/doctest.h>

#include <deque>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <sounder/data/random.hpp>

#include "protocol/membership.hpp"
#include "skip.hpp"

using namespace sounder::mpi;

namespace {

constexpr double kGrace = 1;

/// The negative control: decides by what it has seen itself, without waiting for the views of the others.
struct Hasty : Membership {
  using Membership::Membership;
  bool agreed() const override { return true; }
};

/// Ranks and the messages between them, in order from each to each. A rank stops after it has sent so many messages, also between two
/// messages of one telling.
template <class M>
struct Ranks {
  explicit Ranks(int size) : wires(static_cast<std::size_t>(size * size)), left(static_cast<std::size_t>(size), -1), history(left.size()) {
    for (int rank = 0; rank < size; ++rank)
      ranks.emplace_back(rank, size, kGrace, [rank] {
        return std::vector<WaitReport>{{.on = {2}, .what = "values", .clock = 3, .seconds = 10.0 + rank, .overdue = rank == 0}};
      });
  }

  struct Sender final : Outbox {
    Ranks& net;
    int from;
    Sender(Ranks& all, int rank) : net(all), from(rank) {}
    void send(int to, Header header, Payload payload) override {
      int& budget = net.left[static_cast<std::size_t>(from)];
      if (budget == 0) return;
      if (budget > 0) --budget;
      header.source = from;
      net.wire(from, to).push_back({header, std::move(payload)});
    }
  };

  int size() const { return static_cast<int>(ranks.size()); }
  std::deque<Frame>& wire(int from, int to) { return wires[static_cast<std::size_t>(from * size() + to)]; }
  M& rank(int rank) { return ranks[static_cast<std::size_t>(rank)]; }
  bool stopped(int rank) const { return left[static_cast<std::size_t>(rank)] == 0; }
  void note(int rank, char what) { history[static_cast<std::size_t>(rank)].push_back(what); }

  void suspect(int who) {
    Sender out(*this, who);
    note(who, 's');
    rank(who).suspect(now, out);
  }
  bool deliverable(int from, int to) { return !wire(from, to).empty() && !stopped(to); }
  void deliver(int from, int to) {
    const Frame frame = std::move(wire(from, to).front());
    wire(from, to).pop_front();
    Sender out(*this, to);
    note(to, static_cast<char>('0' + from));
    rank(to).receive(now, frame, out);
  }
  void tick(int who) {
    now += 2 * kGrace;
    Sender out(*this, who);
    note(who, 't');
    rank(who).tick(now, out);
  }

  std::vector<M> ranks;
  std::vector<std::deque<Frame>> wires;
  std::vector<int> left;              ///< messages that a rank still sends; -1: any number
  std::vector<std::string> history;   ///< what each rank has seen, in order: its state, and all messages, follow from it
  double now = 0;
  int early = 0;                      ///< how often time may still pass while messages are under way
};

/// Two ranks that do not miss each other must not differ.
template <class M>
bool split(Ranks<M>& net) {
  for (int i = 0; i < net.size(); ++i)
    for (int j = i + 1; j < net.size(); ++j)
      if (net.rank(i).verdict() && net.rank(j).verdict() && !net.stopped(i) && !net.stopped(j) && !net.rank(i).missing().contains(j) &&
          !net.rank(j).missing().contains(i) && *net.rank(i).verdict() != *net.rank(j).verdict())
        return true;
  return false;
}

struct Tally {
  std::size_t states = 0, ends = 0, splits = 0, undecided = 0;
  std::set<std::string> verdicts;
};

/// Goes through every order of arrival. Where nothing is under way, time passes, for any rank first; `early` times it passes while
/// messages are under way, so that they come too late.
template <class M>
void explore(const Ranks<M>& from, std::set<std::vector<std::string>>& seen, Tally& tally, std::size_t most) {
  if (tally.states >= most || !seen.insert(from.history).second) return;
  ++tally.states;
  Ranks<M> net = from;
  bool moved = false;
  for (int i = 0; i < net.size() && from.early > 0; ++i)
    if (net.rank(i).active() && !net.stopped(i)) {
      Ranks<M> next = from;
      --next.early;
      next.tick(i);
      next.note(i, 'e');
      explore(next, seen, tally, most);
    }
  for (int i = 0; i < net.size(); ++i)
    for (int j = 0; j < net.size(); ++j)
      if (net.deliverable(i, j)) {
        Ranks<M> next = from;
        next.deliver(i, j);
        explore(next, seen, tally, most);
        moved = true;
      }
  if (moved) return;
  for (int i = 0; i < net.size(); ++i)
    if (net.rank(i).active() && !net.stopped(i)) {
      Ranks<M> next = from;
      next.tick(i);
      explore(next, seen, tally, most);
      moved = true;
    }
  if (moved) return;
  ++tally.ends;
  tally.splits += split(net);
  for (int i = 0; i < net.size(); ++i) {
    if (net.stopped(i)) continue;
    tally.undecided += !net.rank(i).verdict();
    if (net.rank(i).verdict()) tally.verdicts.insert(*net.rank(i).verdict());
  }
}

template <class M>
Tally explore(int size, int stops, int after, int early, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  Ranks<M> net(size);
  net.early = early;
  if (stops >= 0) net.left[static_cast<std::size_t>(stops)] = after;
  net.suspect(0);
  std::set<std::vector<std::string>> seen;
  Tally tally;
  explore(net, seen, tally, most);
  return tally;
}

/// Anything may happen, at any time: also a rank that is there may be found too late.
template <class M>
Tally wander(int size, std::uint64_t seed) {
  sounder::Random random(seed, 0);
  Ranks<M> net(size);
  const auto draw = [&](int below) { return static_cast<int>(random.below(static_cast<std::uint64_t>(below))); };
  for (int rank = 0; rank < size; ++rank)
    if (draw(3) == 0) net.left[static_cast<std::size_t>(rank)] = draw(4 * size);
  net.suspect(0);
  for (int steps = 0; steps < 400; ++steps) {
    if (draw(20) == 0) net.tick(draw(size));
    if (draw(200) == 0) net.suspect(draw(size));
    const int from = draw(size), to = draw(size);
    if (net.deliverable(from, to)) net.deliver(from, to);
  }
  Tally tally;
  tally.splits = split(net);
  for (int i = 0; i < size; ++i) tally.ends += net.rank(i).verdict().has_value();
  return tally;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("every rank that answers is told the same, in every order of arrival, wherever a rank stops") {
    // Rank 2 stops after 0, 1, ... messages: not at all there, in the middle of its answer, of its view, of its verdict.
    const std::size_t most = sounder::test::kThreadSanitizer ? 1000 : 20'000;
    for (int after = 0; after <= 6; ++after) {
      CAPTURE(after);
      const Tally tally = explore<Membership>(3, 2, after, 0, most);
      CHECK(tally.ends > 0);
      CHECK(tally.splits == 0);
      CHECK(tally.undecided == 0);
      if (after == 0) {
        REQUIRE(tally.verdicts.size() == 1);
        CHECK(*tally.verdicts.begin() ==
              "rank 2 does not answer: rank 0 waited 10 s for rank 2 (values), rank 1 waited 11 s for rank 2 (values); start again, or raise --deadline");
      }
    }
  }

  TEST_CASE("nor do verdicts differ where messages come too late, as those of a membership that does not wait for views do") {
    const std::size_t most = sounder::test::kThreadSanitizer ? 500 : 8000;
    std::size_t hasty = 0;
    for (int after = 0; after <= 3; ++after) {
      CAPTURE(after);
      const Tally tally = explore<Membership>(3, 2, after, 2, most);
      CHECK(tally.ends > 0);
      CHECK(tally.splits == 0);
      CHECK(tally.undecided == 0);
      hasty += explore<Hasty>(3, 2, after, 2, most).splits;
    }
    CHECK(hasty > 0);
  }

  TEST_CASE("ranks that do not miss each other never differ, whatever is late and whoever stops") {
    const std::uint64_t runs = sounder::test::kThreadSanitizer ? 30 : 300;
    std::size_t decided = 0, hasty = 0;
    for (std::uint64_t seed = 0; seed < runs; ++seed)
      for (const int size : {2, 3, 4, 5}) {
        const Tally tally = wander<Membership>(size, seed);
        CHECK(tally.splits == 0);
        decided += tally.ends;
        hasty += wander<Hasty>(size, seed).splits;
      }
    CHECK(decided > runs);  // else nothing was tested
    CHECK(hasty > 0);
  }

  TEST_CASE("when all answer, the verdict says who is behind and whom that one waits for") {
    const Tally tally = explore<Membership>(2, -1, 0, 0);
    REQUIRE(tally.verdicts.size() == 1);
    CHECK(tally.splits == 0);
    CHECK(tally.undecided == 0);
    CHECK(tally.verdicts.begin()->starts_with("the deadline has passed: rank 0 waited 10 s for rank 2 (values), rank 1 waited 11 s"));
  }

  TEST_CASE("a single rank decides for itself") {
    const Tally tally = explore<Membership>(1, -1, 0, 0);
    CHECK(tally.verdicts.size() == 1);
  }
}
