// The simulated network: order within a channel, disorder between channels, faults as they are asked for.
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include "transport/sim.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// Notes what arrives, and when.
class Notes final : public SimActor {
 public:
  explicit Notes(const Sim& sim) : sim_(sim) {}
  void on_frame(Frame frame, Outbox&) override {
    frames.push_back(frame.header);
    times.push_back(sim_.now());
  }
  void on_timer(std::uint64_t id, Outbox&) override { timers.push_back(id); }
  std::vector<Header> frames;
  std::vector<double> times;
  std::vector<std::uint64_t> timers;

 private:
  const Sim& sim_;
};

/// Two ranks; rank 0 sends 20 numbered frames on each of two channels, in turn.
struct Pair {
  explicit Pair(std::uint64_t seed) : sim({.ranks = 2, .seed = seed}), sender(sim), receiver(sim) {
    sim.attach(0, sender);
    sim.attach(1, receiver);
  }
  void send() {
    for (std::uint64_t i = 0; i < 20; ++i)
      for (const Channel channel : {Channel::bulk, Channel::control}) sim.outbox(0).send(1, {.channel = channel, .sequence = i});
  }
  Sim sim;
  Notes sender, receiver;
};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("simulated frames keep their order on a channel, and overtake on another") {
    int overtaken = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Pair pair(seed);
      pair.send();
      pair.sim.run();
      CHECK(pair.receiver.frames.size() == 40);
      std::uint64_t next[kChannels] = {};
      for (const Header& header : pair.receiver.frames) {
        CHECK(header.source == 0);
        CHECK(header.sequence == next[static_cast<int>(header.channel)]++);
        const auto other = static_cast<int>(header.channel == Channel::bulk ? Channel::control : Channel::bulk);
        overtaken += header.sequence > next[other];
      }
    }
    CHECK(overtaken > 0);
  }

  TEST_CASE("simulated frames are dropped, doubled and held back as the test says") {
    Pair pair(1);
    pair.sim.inject([](int to, const Frame& frame) {
      CHECK(to == 1);
      return frame.header.sequence == 3 ? Sim::Fault::drop : frame.header.sequence == 5 ? Sim::Fault::twice : Sim::Fault::none;
    });
    pair.sim.partition(0, 1, 100);
    pair.send();
    pair.sim.run();
    CHECK(pair.receiver.frames.size() == 40);
    int third = 0, fifth = 0;
    for (std::size_t i = 0; i < pair.receiver.frames.size(); ++i) {
      third += pair.receiver.frames[i].sequence == 3;
      fifth += pair.receiver.frames[i].sequence == 5;
      CHECK(pair.receiver.times[i] >= 100);
    }
    CHECK(third == 0);
    CHECK(fifth == 4);
  }

  TEST_CASE("a lost rank sends nothing, gets nothing, and its timers do not ring; the others' do, in order") {
    Pair pair(1);
    pair.send();
    pair.sim.timer(0, 1, 7);
    pair.sim.timer(1, 3, 2);
    pair.sim.timer(1, 2, 1);
    pair.sim.lose(0);
    pair.sim.outbox(1).send(0, {});
    pair.sim.run();
    CHECK(pair.receiver.frames.empty());
    CHECK(pair.sender.frames.empty());
    CHECK(pair.sender.timers.empty());
    CHECK(pair.receiver.timers == std::vector<std::uint64_t>{1, 2});
  }
}
