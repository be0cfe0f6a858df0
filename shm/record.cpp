#include <sounder/shm/record.hpp>

#include <atomic>
#include <thread>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/params/access/recorded.hpp>

#include "teams/team.hpp"

namespace sounder::shm {
namespace {

/// The order of all operations. A spin lock, held for one load or store; not fair, so that the workers meet as they
/// would.
class Order {
 public:
  explicit Order(std::size_t most) : most_(most) {}

  void lock() {
    constexpr int kSpins = 64;
    for (int spins = 0; held_.test_and_set(std::memory_order_acquire);)
      if (++spins > kSpins) std::this_thread::yield();  // its holder may have no core
  }
  void unlock() { held_.clear(std::memory_order_release); }

  /// Under the lock.
  void add(std::uint8_t worker) { workers_.push_back(worker); }
  bool full() const { return workers_.size() >= most_; }
  std::vector<std::uint8_t>& workers() { return workers_; }

 private:
  // Written by: the worker that enters or leaves. Order: acquire and release, which order the operations on cells
  // and the list, both touched only between them.
  std::atomic_flag held_;
  std::size_t most_;
  std::vector<std::uint8_t> workers_;
};

class Gate final : public Turnstile {
 public:
  Gate(Order& order, int worker) : order_(order), worker_(static_cast<std::uint8_t>(worker)) {}
  void enter() override {
    order_.lock();
    if (order_.full()) {
      order_.unlock();
      throw Error(
          fmt::format("the run has more than the {} operations that can be recorded: use fewer examples or --epochs",
                      Recording::kMostOperations));
    }
    order_.add(worker_);
  }
  void leave() override { order_.unlock(); }

 private:
  Order& order_;
  std::uint8_t worker_;
};

class Recorder final : public Backend {
 public:
  Recorder(const Options& options, Recording& recording)
      : options_(options), recording_(recording), team_(make_team(options.team, options.threads, options.pin)) {}

  Team& team() override { return *team_; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    kernel_ = &kernel;
    step_ = kernel.step_of(AccessKind::recorded);
    examples_ = data.examples();
    cells_ = parameters.cells();
    recording_.rounds.clear();
    const std::size_t expected = operations_of_epoch(kernel, data) * static_cast<std::size_t>(options_.epochs);
    if (expected > Recording::kMostOperations)
      throw Error(fmt::format(
          "the run has about {} operations on cells, and at most {} can be recorded: use fewer examples or --epochs",
          expected, Recording::kMostOperations));
  }

  void run(const Round& round, ChunkQueue& queue) override {
    Order order(Recording::kMostOperations - recording_.operations());
    Recording::Round& recorded = recording_.rounds.emplace_back();
    recorded.ranges.resize(static_cast<std::size_t>(team_->size()));
    team_->run([&](int worker) {
      Gate gate(order, worker);
      const StepContext context{.cells = cells_, .rate = round.rate, .l1 = round.l1, .turnstile = &gate};
      ChunkQueue::Cursor cursor(queue);
      for (Range range; cursor.next(range);) {
        recorded.ranges[static_cast<std::size_t>(worker)].push_back(range);
        step_(kernel_->model.get(), context, examples_, range.begin, range.end);
      }
    });
    recorded.order = std::move(order.workers());
  }

 private:
  const Options options_;
  Recording& recording_;
  std::unique_ptr<Team> team_;
  const Kernel* kernel_ = nullptr;
  StepFunction step_ = nullptr;
  Examples examples_{};
  Cells cells_;
};

}  // namespace

std::unique_ptr<Backend> make_recorder(const Options& options, Recording& recording) {
  options.validate();
  if (options.mode != Mode::hogwild)
    throw Error(fmt::format("only --mode hogwild can be recorded, not {}: the others are given by their own rules",
                            name_of(kModes, options.mode)));
  if (options.rule != RuleName::sgd)
    throw Error(fmt::format("only --rule sgd can be recorded, not {}", name_of(kRules, options.rule)));
  if (options.threads > Recording::kMostWorkers)
    throw Error(
        fmt::format("--threads {} are too many to record: give {} or fewer", options.threads, Recording::kMostWorkers));
  return std::make_unique<Recorder>(options, recording);
}

}  // namespace sounder::shm
