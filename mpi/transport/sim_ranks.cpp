#include "transport/sim_ranks.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <semaphore>
#include <utility>
#include <vector>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "transport/sim.hpp"

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kComputes = 0x434F4D50, kPublishes = 0x50554200;  // "COMP", "PUB": no other use of the seed draws from them

/// Lognormal, of mean 1.
double lognormal(Random& random, double deviation) {
  if (deviation <= 0) return 1;
  const double variance = std::log1p(deviation * deviation);
  const double normal = std::sqrt(-2 * std::log1p(-random.uniform())) * std::cos(2 * M_PI * random.uniform());
  return std::exp(std::sqrt(variance) * normal - variance / 2);
}

/// Each rank has a port that sends, and one that receives.
class Ports final : public SimWires {
 public:
  Ports(int ranks, const SimModel& model) : model_(model), sends_(static_cast<std::size_t>(ranks)), receives_(sends_.size()) {}

  double arrives(double now, int from, int to, std::size_t bytes, Random& random) override {
    if (from == to) return now;
    double& free = sends_[static_cast<std::size_t>(from)];
    const double begin = std::max(now, free);
    free = begin + busy(bytes);
    return begin + model_.latency_seconds * lognormal(random, model_.jitter);
  }
  double is_in(double now, int from, int to, std::size_t bytes) override {
    if (from == to) return now;
    double& free = receives_[static_cast<std::size_t>(to)];
    return free = std::max(now, free) + busy(bytes);
  }

 private:
  double busy(std::size_t bytes) const { return model_.gap_seconds + static_cast<double>(sizeof(Header) + bytes) / model_.bytes_per_second; }

  const SimModel model_;
  std::vector<double> sends_, receives_;  ///< when a port is free again
};

class Stage;

/// A rank: its communication is called by whichever thread has the turn.
class Player final : public Turns, public SimActor {
 public:
  Player(Stage& stage, int rank) : stage_(stage), rank_(rank) {}

  Clock::time_point now() const override;
  void sleep(double seconds) override;
  void worked(std::uint64_t round, std::size_t examples) override { pass(round, kComputes, stage_compute() * static_cast<double>(examples)); }
  void published(std::uint64_t round) override { pass(round, kPublishes, stage_round()); }
  void host(std::function<std::optional<double>()> turn) override { turn_ = std::move(turn); }
  void wait(const std::function<bool()>& ready) override;

  void on_frame(Frame frame, Outbox&) override {
    if (!turn_) return;  // it has ended
    inbox.push_back(std::move(frame));
    communicate();
  }
  void on_timer(std::uint64_t id, Outbox&) override {
    if (id != kLook) return rise();
    looks_ = false;
    communicate();
  }

  void communicate();
  /// It is the turn of this rank's thread, if what it waits for is there.
  void rise();

  static constexpr std::uint64_t kLook = 0, kWake = 1;
  std::deque<Frame> inbox;
  bool due = false;  ///< its communication was woken
  std::binary_semaphore turn_of_thread{0};

 private:
  double stage_compute() const;
  double stage_round() const;
  void pass(std::uint64_t round, std::uint64_t stream, double seconds);

  Stage& stage_;
  const int rank_;
  std::function<std::optional<double>()> turn_;  ///< none before the endpoint lives, and after its end
  bool looks_ = false;                           ///< a timer is set
  const std::function<bool()>* ready_ = nullptr;  ///< its thread waits
};

/// Written and read by the thread that has the turn; the semaphores pass on what it wrote.
class Stage final : public SimRanks, public std::enable_shared_from_this<Stage> {
 public:
  Stage(int ranks, const SimModel& model, std::uint64_t seed)
      : model_(model), seed_(seed), sim_({.ranks = ranks, .seed = seed, .wires = std::make_shared<Ports>(ranks, model)}), on_stage_(ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      sim_.attach(rank, players_.emplace_back(*this, rank));
      if (rank > 0) risen_.push_back(rank);
    }
  }

  std::unique_ptr<Transport> transport(int rank) override;
  void enter(int rank) override { player(rank).turn_of_thread.acquire(); }
  void leave(int) override {
    if (--on_stage_ == 0) return;
    while (risen_.empty()) advance();
    player(take_risen()).turn_of_thread.release();
  }

  /// On the thread of that rank: gives the turn away until it comes back. Meanwhile, what is to happen happens here.
  void step_back(int rank) {
    while (risen_.empty()) advance();
    const int next = take_risen();
    if (next == rank) return;
    player(next).turn_of_thread.release();
    player(rank).turn_of_thread.acquire();
  }

  void wake(int rank) {
    if (!std::exchange(player(rank).due, true)) due_.push_back(rank);
  }
  void rise(int rank) { risen_.push_back(rank); }

  Player& player(int rank) { return players_[static_cast<std::size_t>(rank)]; }
  Sim& sim() { return sim_; }
  const SimModel& model() const { return model_; }
  std::uint64_t seed() const { return seed_; }
  int size() const { return static_cast<int>(players_.size()); }

 private:
  int take_risen() {
    const int rank = risen_.front();
    risen_.pop_front();
    return rank;
  }
  void advance() {
    if (due_.empty()) {
      if (!sim_.step()) throw Error("nothing is under way in the simulation, and ranks wait");  // they look at their deadlines
      return;
    }
    const int rank = due_.front();
    due_.pop_front();
    player(rank).due = false;
    player(rank).communicate();
  }

  const SimModel model_;
  const std::uint64_t seed_;
  std::deque<Player> players_;
  Sim sim_;
  std::deque<int> risen_;  ///< ranks whose threads can go on
  std::deque<int> due_;    ///< ranks whose communication was woken
  int on_stage_;           ///< threads that have not left
};

Time::Clock::time_point Player::now() const {
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(stage_.sim().now())));
}

void Player::sleep(double seconds) {
  const double end = stage_.sim().now() + seconds;
  stage_.sim().timer(rank_, seconds, kWake);
  wait([&] { return stage_.sim().now() >= end; });
}

double Player::stage_compute() const { return stage_.model().compute_seconds; }
double Player::stage_round() const { return stage_.model().round_seconds; }

void Player::pass(std::uint64_t round, std::uint64_t stream, double seconds) {
  if (seconds <= 0) return;
  Random random(stage_.seed(), stream ^ (static_cast<std::uint64_t>(rank_) << 48) ^ (round << 8));
  sleep(seconds * lognormal(random, stage_.model().vary));
}

void Player::wait(const std::function<bool()>& ready) {
  while (!ready()) {
    ready_ = &ready;
    stage_.step_back(rank_);
  }
}

void Player::rise() {
  if (!ready_ || !(*ready_)()) return;
  ready_ = nullptr;
  stage_.rise(rank_);
}

void Player::communicate() {
  if (!turn_) return;
  const std::optional<double> patience = turn_();
  if (!patience) {
    turn_ = nullptr;
    inbox.clear();
  } else if (!std::exchange(looks_, true)) {
    stage_.sim().timer(rank_, *patience, kLook);
  }
  rise();
}

class SimTransport final : public Transport {
 public:
  SimTransport(std::shared_ptr<Stage> stage, int rank) : stage_(std::move(stage)), rank_(rank), player_(stage_->player(rank)) {}

  int rank() const override { return rank_; }
  int size() const override { return stage_->size(); }
  void send(int to, Frame frame) override {
    if (frame.header.kind == Kind::bye) return;  // to everybody, on every channel, for nothing: no process ends before the others
    stage_->sim().outbox(rank_).send(to, frame.header, std::move(frame.payload));
  }
  std::optional<Frame> receive() override {
    if (player_.inbox.empty()) return std::nullopt;
    std::optional<Frame> frame(std::move(player_.inbox.front()));
    player_.inbox.pop_front();
    return frame;
  }
  bool flushed() override { return true; }
  void sleep(double) override {}
  void wake() override { stage_->wake(rank_); }
  bool ends_together() const override { return false; }
  std::string name() const override { return "simulated ranks, virtual seconds"; }
  Turns* turns() override { return &player_; }
  void abandon() override {}
  void abort(int status) override { ::_exit(status); }
  bool hands_over() const override { return true; }
  std::unique_ptr<Window> open_window(std::span<const float>, std::size_t) override { throw Error(kNoWindows); }

 private:
  std::shared_ptr<Stage> stage_;
  int rank_;
  Player& player_;
};

std::unique_ptr<Transport> Stage::transport(int rank) { return std::make_unique<SimTransport>(shared_from_this(), rank); }

}  // namespace

std::shared_ptr<SimRanks> SimRanks::make(int ranks, const SimModel& model, std::uint64_t seed) {
  return std::make_shared<Stage>(ranks, model, seed);
}

}  // namespace sounder::mpi
