// The updates of a round are known ahead: who is applied when is their order, who reads when is drawn before the first.
#include <sounder/train/simulator.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/params/gradient.hpp>

namespace sounder {

void Simulation::validate() const {
  constexpr int kMost = 1'000'000;
  if (workers < 1 || workers > kMost)
    throw Error(fmt::format("--simulate-workers {} cannot be used: give 1 to {}", workers, kMost));
  if (tau && tau->mean() > workers - 1)
    throw Error(fmt::format("--simulate-workers {} are too few for a --tau of {:g} on average: give {:.0f} or more",
                            workers, tau->mean(), std::ceil(tau->mean()) + 1));
}

namespace {

constexpr std::uint64_t kDelays = std::uint64_t{1} << 62;  ///< streams of random numbers that nothing else draws from
constexpr std::uint32_t kNone = ~std::uint32_t{0};

class DelayedUpdates final : public Simulator {
 public:
  explicit DelayedUpdates(const Simulation& simulation) : simulation_(simulation) { simulation_.validate(); }

  Team& team() override { return team_; }
  const std::vector<std::uint64_t>& staleness() const override { return staleness_; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    kernel_ = &kernel;
    examples_ = data.examples();
    cells_ = parameters.cells();
    gradient_.emplace(kernel);
    staleness_.clear();
    updates_ = 0;
  }

  void run(const Round& round, ChunkQueue& queue) override {
    const std::vector<Range> chunks = queue.take_all();
    std::size_t count = 0;
    for (const Range& chunk : chunks) count += chunk.size();
    draw(count);
    const StepContext context{.cells = cells_, .rate = round.rate, .l1 = round.l1};
    examples_of_.clear();
    for (const Range& chunk : chunks)
      for (std::size_t i = chunk.begin; i < chunk.end; ++i) examples_of_.push_back(static_cast<std::uint32_t>(i));
    std::size_t t = 0;
    for (const Range& chunk : chunks) {
      if (queue.stopped()) break;
      for (const std::size_t end = t + chunk.size(); t < end;) t = advance(context, t, end);
    }
    updates_ += t;
    pending_.clear();  // of a run that was stopped
    free_.clear();
  }

 private:
  /// Fills reads_ with a list of updates for each moment: those that read then.
  void draw(std::size_t count) {
    if (count >= kNone)
      throw Error(fmt::format("{} examples are too many to simulate in one round: use a smaller set", count));
    first_.assign(count, kNone);
    next_.assign(count, kNone);
    std::vector<std::size_t> idle(simulation_.tau ? 0 : static_cast<std::size_t>(simulation_.workers),
                                  0);  // since when
    std::vector<std::uint32_t> read_at(count);
    for (std::size_t t = 0; t < count; ++t) {
      Random random(simulation_.seed, kDelays + updates_ + t);
      if (simulation_.tau) {
        read_at[t] = static_cast<std::uint32_t>(t - std::min<std::uint64_t>(t, simulation_.tau->draw(random)));
      } else {
        std::size_t& since = idle[random.below(idle.size())];
        read_at[t] = static_cast<std::uint32_t>(since);
        since = t + 1;
      }
    }
    for (std::size_t t = count; t-- > 0;) {
      next_[t] = first_[read_at[t]];
      first_[read_at[t]] = static_cast<std::uint32_t>(t);
    }
  }

  bool reads_alone(std::size_t t) const { return first_[t] == t && next_[t] == kNone; }

  /// Update t, or all from t on, to `end` at most, that nobody reads between; returns the one behind.
  std::size_t advance(const StepContext& context, std::size_t t, std::size_t end) {
    std::size_t last = t;
    while (last < end && reads_alone(last)) ++last;
    if (last > t) {  // plain descent: one call, so that one worker has the intercept's pieces, and the bits, of serial
      step(context, t, last);
      count_staleness(0, last - t);
      return last;
    }
    bool own = false;
    for (std::uint32_t reader = first_[t], next; reader != kNone; reader = next) {
      next = next_[reader];
      own |= reader == t;
      if (reader != t) read(context, reader, t);
    }
    if (own) {
      step(context, t, t + 1);
      count_staleness(0, 1);
    } else {
      apply(context, t);
    }
    return t + 1;
  }

  /// Examples of updates [begin, end), which are neighbours in a chunk.
  void step(const StepContext& context, std::size_t begin, std::size_t end) const {
    const std::size_t example = examples_of_[begin];
    kernel_->step_of(AccessKind::relaxed)(kernel_->model.get(), context, examples_, example, example + (end - begin));
  }

  void read(const StepContext& context, std::uint32_t update, std::size_t now) {
    const std::size_t example = examples_of_[update];
    gradient_->collect(context, examples_, example, example + 1);
    std::uint32_t slot = static_cast<std::uint32_t>(pending_.size());
    if (free_.empty()) {
      pending_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    gradient_->take(pending_[slot]);
    next_[update] = slot;  // the list that it was in has been left behind
    count_staleness(update - now, 1);
  }

  void apply(const StepContext& context, std::size_t t) {
    const std::uint32_t slot = next_[t];
    gradient_->put(pending_[slot]);
    gradient_->apply(context, gradient_->rows(), nullptr);
    gradient_->clear();
    free_.push_back(slot);
  }

  void count_staleness(std::size_t tau, std::size_t updates) {
    if (staleness_.size() <= tau) staleness_.resize(tau + 1);
    staleness_[tau] += updates;
  }

  const Simulation simulation_;
  SerialTeam team_;
  const Kernel* kernel_ = nullptr;
  Examples examples_{};
  Cells cells_;
  std::optional<Gradient> gradient_;
  std::uint64_t updates_ = 0;                ///< of all rounds before
  std::vector<std::uint32_t> examples_of_;   ///< by update
  std::vector<std::uint32_t> first_, next_;  ///< first_[s], next_[first_[s]], ...: the updates that read at moment s
  std::vector<PendingGradient> pending_;
  std::vector<std::uint32_t> free_;  ///< slots of pending_
  std::vector<std::uint64_t> staleness_;
};

}  // namespace

std::unique_ptr<Simulator> make_simulator(const Simulation& simulation) {
  return std::make_unique<DelayedUpdates>(simulation);
}

}  // namespace sounder
