// Workers as coroutines on one thread, woken in the order of a recording.
#include <algorithm>
#include <exception>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <ucontext.h>

#include <sounder/error.hpp>
#include <sounder/params/access/recorded.hpp>
#include <sounder/train/recording.hpp>

namespace sounder {
namespace {

constexpr std::size_t kStack = std::size_t{1} << 18;  ///< bytes of a coroutine; a kernel's frames are a few kilobytes

struct Abandoned {};  ///< unwinds a coroutine whose round has failed

/// The workers of one round. Each runs until it wants to touch a cell out of its turn, then hands over to whose turn
/// it is. `step(worker, turnstile)` is a worker's whole work.
template <class Step>
class Coroutines {
 public:
  Coroutines(const Recording::Round& round, Step step) : order_(round.order), step_(std::move(step)) {
    for (std::size_t k = 0; k < round.ranges.size(); ++k) {
      workers_.push_back(std::make_unique<Worker>(*this, k));
      ucontext_t& context = workers_[k]->context;
      getcontext(&context);
      context.uc_stack.ss_sp = workers_[k]->stack.get();
      context.uc_stack.ss_size = kStack;
      context.uc_link = &caller_;
      // makecontext passes ints only: the coroutine finds itself by entering_.
      makecontext(&context, reinterpret_cast<void (*)()>(&Coroutines::begin), 2, half(this, 0), half(this, 1));
    }
  }

  /// Throws what a worker threw, or Error if the order does not fit.
  void run() {
    while (at_ < order_.size() && !failure_ && order_[at_] < workers_.size() && !workers_[order_[at_]]->ended)
      resume(order_[at_]);
    if (!failure_ && at_ == order_.size())
      for (std::size_t k = 0; k < workers_.size(); ++k)  // those that have nothing to touch any more
        if (!workers_[k]->ended) resume(k);
    const bool fits =
        at_ == order_.size() && std::ranges::all_of(workers_, [](const auto& worker) { return worker->ended; });
    abandoned_ = true;
    for (std::size_t k = 0; k < workers_.size(); ++k)
      if (!workers_[k]->ended && workers_[k]->begun) resume(k);
    if (failure_) std::rethrow_exception(failure_);
    if (!fits) throw Error("the recording does not fit the run: its order ends too early or too late; record it again");
  }

 private:
  struct Worker final : Turnstile {
    Worker(Coroutines& all_, std::size_t number_) : all(all_), number(number_) {}
    void enter() override { all.wait(*this); }
    void leave() override { ++all.at_; }

    Coroutines& all;
    const std::size_t number;
    std::unique_ptr<char[]> stack{new char[kStack]};  // not zeroed: most of it is never touched
    ucontext_t context{};
    bool begun = false, ended = false;
  };

  static unsigned half(const Coroutines* self, int which) {
    return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(self) >> (32 * which));
  }
  static void begin(unsigned low, unsigned high) {
    Coroutines& self = *reinterpret_cast<Coroutines*>(std::uintptr_t{low} | std::uintptr_t{high} << 32);
    Worker& worker = *self.workers_[self.entering_];
    worker.begun = true;
    try {
      self.step_(worker.number, worker);
    } catch (const Abandoned&) {
    } catch (...) {
      self.failure_ = std::current_exception();
    }
    worker.ended = true;
  }

  void resume(std::size_t worker) {
    entering_ = worker;
    swapcontext(&caller_, &workers_[worker]->context);
  }

  void wait(Worker& worker) {
    while (!abandoned_ && !(at_ < order_.size() && order_[at_] == worker.number)) {
      const std::size_t next = at_ < order_.size() ? order_[at_] : workers_.size();
      if (next < workers_.size() && !workers_[next]->ended) {
        entering_ = next;
        swapcontext(&worker.context, &workers_[next]->context);
      } else {
        swapcontext(&worker.context, &caller_);
      }
    }
    if (abandoned_) throw Abandoned{};
  }

  const std::vector<std::uint8_t>& order_;
  Step step_;
  std::vector<std::unique_ptr<Worker>> workers_;
  ucontext_t caller_{};
  std::size_t at_ = 0, entering_ = 0;
  std::exception_ptr failure_;
  bool abandoned_ = false;
};

class Replay final : public Backend {
 public:
  explicit Replay(const Recording& recording) : recording_(recording) {}

  Team& team() override { return team_; }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    kernel_ = &kernel;
    step_ = kernel.step_of(AccessKind::recorded);
    examples_ = data.examples();
    cells_ = parameters.cells();
  }

  void run(const Round& round, ChunkQueue& queue) override {
    const auto index = static_cast<std::size_t>(round.index);
    if (index >= recording_.rounds.size())
      throw Error(fmt::format(
          "the recording holds {} rounds, and round {} is asked for: give the --epochs that it was made with",
          recording_.rounds.size(), index + 1));
    const Recording::Round& recorded = recording_.rounds[index];
    check(recorded, queue.take_all());
    const auto work = [&](std::size_t worker, Turnstile& turnstile) {
      const StepContext context{.cells = cells_, .rate = round.rate, .l1 = round.l1, .turnstile = &turnstile};
      for (const Range& range : recorded.ranges[worker])
        step_(kernel_->model.get(), context, examples_, range.begin, range.end);
    };
    Coroutines(recorded, work).run();
  }

 private:
  /// The workers of the recording took just the chunks of this round.
  static void check(const Recording::Round& recorded, std::vector<Range> chunks) {
    const auto before = [](const Range& a, const Range& b) { return a.begin < b.begin; };
    const auto same = [](const Range& a, const Range& b) { return a.begin == b.begin && a.end == b.end; };
    std::vector<Range> taken;
    for (const std::vector<Range>& ranges : recorded.ranges) taken.insert(taken.end(), ranges.begin(), ranges.end());
    std::ranges::sort(taken, before);
    std::ranges::sort(chunks, before);
    if (!std::ranges::equal(taken, chunks, same))
      throw Error(
          "the recording was made with other chunks of data: give the data and the flags that it was made with");
  }

  const Recording& recording_;
  SerialTeam team_;
  const Kernel* kernel_ = nullptr;
  StepFunction step_ = nullptr;
  Examples examples_{};
  Cells cells_;
};

}  // namespace

std::unique_ptr<Backend> make_replay(const Recording& recording) { return std::make_unique<Replay>(recording); }

}  // namespace sounder
