// The trainer: streams of a device and the workers of a CPU backend pull chunks from the same queue.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "device_data.hpp"
#include "hybrid.hpp"
#include "mirror.hpp"
#include "workers.hpp"

namespace sounder::cuda {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kPause = 4;  ///< the bus is busy with exchanges a fifth of the time

constexpr double kSegmentSeconds = 5e-3;  ///< of a kernel: the step size, a stop and the end of a round are seen between segments
constexpr std::size_t kLastTakes = 4;     ///< a stream takes at most 1/kLastTakes of its part of what is left, so that all end together

MergeRule rule_of(MergeName name) {
  switch (name) {
    case MergeName::automatic: break;
    case MergeName::sum: return MergeRule::sum;
    case MergeName::mean: return MergeRule::mean;
  }
  return MergeRule::guarded;
}

void check_cpu(const GpuOptions& options, const Backend& cpu) {
  if (options.mode == GpuMode::hybrid && cpu.memory() != MemoryKind::heap)
    throw Error("--node-mode keeps private windows over the parameters, which memory shared with a GPU does not allow: give --node-mode hogwild");
}

StepProgram program_of(Device& device, const GpuOptions& options, const Kernel& kernel, const Plan& plan, double nonzeros) {
  if (kernel.rule != RuleName::sgd)
    throw Error(fmt::format("--rule {} has no kernel for GPUs: give --rule sgd, or train on CPU threads alone", name_of(kRules, kernel.rule)));
  const StepProgram program = device.program(kernel, options.update, plan.system_scope, nonzeros);
  if (program.start) return program;
  if (options.update == UpdateName::racy || !device.program(kernel, UpdateName::racy, plan.system_scope, nonzeros).start)
    throw Error(fmt::format("--model {} has no kernel for GPUs: give another model, or train on CPU threads alone", kernel.name));
  throw Error(fmt::format("--model {} has no kernel for --update {}: give --update racy", kernel.name, name_of(kUpdates, options.update)));
}

std::unique_ptr<Device> make_device(DeviceName device, int number) {
  if (const DeviceStatus status = status_of(device); status.absence != Absence::none) throw Error(status.sentence);
  return device == DeviceName::emu ? make_emulated_device() : make_cuda_device(number);
}

/// Runs f() in a thread of its own; join() rethrows what it threw.
class Task {
 public:
  template <class F>
  explicit Task(F f)
      : thread_([this, f = std::move(f)] {
          try {
            f();
          } catch (...) {
            error_ = std::current_exception();
          }
        }) {}
  ~Task() {
    if (thread_.joinable()) thread_.join();
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  /// Joins; the first error stays in `first`.
  void join(std::exception_ptr& first) {
    thread_.join();
    if (error_ && !first) first = error_;
  }

 private:
  std::exception_ptr error_;  ///< written by the thread, read after it was joined
  std::thread thread_;
};

/// Calls f() every so often until end(): after a pause of so many milliseconds, or of kPause times what f() took.
class Periodically {
 public:
  template <class F>
  Periodically(std::optional<double> milliseconds, F f)
      : task_([this, milliseconds, f = std::move(f)] {
          std::unique_lock lock(door_);
          while (!ended_) {
            lock.unlock();
            const auto begin = Clock::now();
            f();
            const auto took = Clock::now() - begin;
            lock.lock();
            changed_.wait_for(lock, milliseconds ? Milliseconds(*milliseconds) : Milliseconds(kPause * took), [&] { return ended_; });
          }
        }) {}
  ~Periodically() { tell(); }
  Periodically(const Periodically&) = delete;
  Periodically& operator=(const Periodically&) = delete;
  void end(std::exception_ptr& first) {
    tell();
    task_.join(first);
  }

 private:
  void tell() {
    {
      const std::lock_guard lock(door_);
      ended_ = true;
    }
    changed_.notify_all();
  }

  std::mutex door_;  ///< guards ended_
  std::condition_variable changed_;
  bool ended_ = false;
  Task task_;
};

class HybridBackend final : public Backend {
 public:
  HybridBackend(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu)
      : options_(options), device_(std::move(device)), cpu_(std::move(cpu)) {
    check_cpu(options_, *cpu_);
    for (int i = 0; i < options_.gpu_streams; ++i) streams_.push_back(device_->stream());
  }

  Team& team() override { return cpu_->team(); }

  Parameters make_parameters(const Layout& layout) override {
    const std::size_t bytes = layout.floats() * sizeof(float);
    plan_ = resolve(options_.placement, options_.mode, device_->caps(), bytes);
    return Parameters(layout, Memory(layout.floats(), device_->allocate(plan_.master, bytes)));
  }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    const double nonzeros = static_cast<double>(data.nonzeros()) / static_cast<double>(std::max<std::size_t>(1, data.size()));
    program_ = program_of(*device_, options_, kernel, plan_, nonzeros);
    kernel_ = &kernel;
    data_.emplace(*device_, data);
    mirror_.reset();
    if (plan_.mirrored) mirror_.emplace(*device_, parameters, rule_of(options_.merge));
    order_ = device_->allocate(Where::device, std::max<std::size_t>(1, data.size()) * sizeof(std::uint32_t));
    workers_ = options_.gpu_workers.value_or(workers_for(data, device_->caps(), program_.lanes, options_.update != UpdateName::racy));
    parameters_ = &parameters;
    followed_ = false;
    gpu_examples_.store(0, std::memory_order_relaxed);
    if (options_.mode == GpuMode::hybrid) cpu_->prepare(kernel, data, parameters);
  }

  void run(const Round& round, ChunkQueue& queue) override {
    before_round_ = gpu_examples_.load(std::memory_order_relaxed);
    if (mirror_ && !(round.untouched && followed_)) mirror_->refresh();
    followed_ = true;
    // A CPU thread must not hold more than it can do while the GPU does the rest.
    const int threads = team().size();
    queue.expect(std::max(threads, static_cast<int>(std::min(1e4, threads * (1 + gpu_per_cpu_)))));
    streams_[0]->copy(order_.get(), queue.order().data(), queue.order().size_bytes());
    streams_[0]->wait();
    Segment segment{.cells = mirror_ ? mirror_->cells() : parameters_->cells(),
                    .examples = data_->examples(),
                    .rarity = data_->rarity(),
                    .order = static_cast<const std::uint32_t*>(order_.get()),
                    .per_chunk = queue.per_chunk(),
                    .rate = round.rate,
                    .groups = workers_ / drivers()};
    std::exception_ptr error;
    {
      std::optional<Periodically> exchange;
      const bool both = options_.mode == GpuMode::hybrid;
      if (both && mirror_) exchange.emplace(options_.sync_ms, [&] { mirror_->reconcile(share(queue)); });
      std::vector<std::unique_ptr<Task>> tasks;
      for (int i = 0; i < drivers(); ++i)
        tasks.push_back(std::make_unique<Task>([&, i] { drive(*streams_[static_cast<std::size_t>(i)], segment, queue); }));
      try {
        if (both) cpu_->run(round, queue);
      } catch (...) {
        error = std::current_exception();
      }
      for (auto& task : tasks) task->join(error);
      if (exchange) exchange->end(error);
    }
    if (error) std::rethrow_exception(error);
    if (mirror_) mirror_->reconcile(share(queue));  // nobody trains: now both copies hold all updates
    const double on_gpu = share(queue);
    gpu_per_cpu_ = std::clamp(on_gpu / std::max(1 - on_gpu, 1e-3), 0.1, 1e3);
  }

  int visits() const override { return 1; }
  Telemetry telemetry() const override {
    Telemetry telemetry = options_.mode == GpuMode::hybrid ? cpu_->telemetry() : Telemetry{};
    telemetry.gpu_updates = gpu_examples_.load(std::memory_order_relaxed);
    return telemetry;
  }
  std::string remark() const override {
    return fmt::format("{}: placement {}, {}; {} workers of {} lanes in {} streams", device_->caps().name, name_of(kPlacements, plan_.placement),
                       plan_.why, workers_, program_.lanes, options_.gpu_streams);
  }

 private:
  /// Streams at work: each has a worker at least.
  int drivers() const { return std::min(options_.gpu_streams, workers_); }

  /// One stream: segments of about kSegmentSeconds until the queue is empty.
  void drive(Stream& stream, Segment segment, ChunkQueue& queue) {
    Range done;
    std::size_t chunks = 1 + static_cast<std::size_t>(segment.groups) * kPiece / segment.per_chunk;
    const auto streams = static_cast<std::size_t>(drivers());
    while (queue.check(done)) {
      std::size_t last = 0;
      const std::size_t part = std::max<std::size_t>(1, queue.left() / (kLastTakes * streams));
      if (!queue.take(std::min(chunks, part), segment.first, last)) return;
      segment.chunks = last - segment.first;
      std::size_t examples = 0;
      for (std::size_t i = segment.first; i < last; ++i) examples += queue.range(i).size();
      gpu_examples_.fetch_add(examples, std::memory_order_relaxed);  // as soon as they are taken: the exchange asks for our part in those
      const auto begin = Clock::now();
      stream.step(program_, kernel_->model.get(), segment);
      stream.wait();
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      const double more = std::min(2., kSegmentSeconds / std::max(seconds, 1e-6));
      chunks = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(segment.chunks) * more));
      done = queue.range(last - 1);
    }
  }

  /// Of the GPU in the updates of the round so far.
  float share(const ChunkQueue& queue) const {
    const auto taken = static_cast<double>(queue.taken());
    const auto own = static_cast<double>(gpu_examples_.load(std::memory_order_relaxed) - before_round_);
    return taken > 0 ? static_cast<float>(std::min(1., own / taken)) : 0.5f;
  }

  const GpuOptions options_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Backend> cpu_;
  std::vector<std::unique_ptr<Stream>> streams_;
  Plan plan_;
  StepProgram program_;
  const Kernel* kernel_ = nullptr;
  Parameters* parameters_ = nullptr;
  std::optional<DeviceData> data_;
  std::optional<Mirror> mirror_;
  std::shared_ptr<void> order_;
  int workers_ = 1;
  // Written by: the drivers. Read by: the exchange and telemetry(). Order: relaxed; a count alone.
  std::atomic<std::uint64_t> gpu_examples_{0};
  std::uint64_t before_round_ = 0;  ///< of them
  bool followed_ = false;           ///< the mirror holds what the last round left
  double gpu_per_cpu_ = 8;          ///< examples of the GPU for each of the CPU, in the last round
};

}  // namespace

DeviceStatus status_of(DeviceName device) {
  switch (device) {
    case DeviceName::emu: return {};
    case DeviceName::none: return {Absence::no_device, "--device none: only --mode cpu can run"};
    case DeviceName::automatic:
    case DeviceName::cuda: break;
  }
  return cuda_status();
}

std::unique_ptr<Backend> make_hybrid(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu) {
  options.validate();
  return std::make_unique<HybridBackend>(options, std::move(device), std::move(cpu));
}

std::unique_ptr<Backend> make_backend(const GpuOptions& options, DeviceName device, std::unique_ptr<Backend> cpu, int number) {
  options.validate();
  if (options.mode == GpuMode::cpu) return cpu;
  return make_hybrid(options, make_device(device, number), std::move(cpu));
}

Caps check(const GpuOptions& options, DeviceName name, const Kernel& kernel, const Backend& cpu, int number) {
  options.validate();
  if (options.mode == GpuMode::cpu) return {};
  check_cpu(options, cpu);
  const auto device = make_device(name, number);
  program_of(*device, options, kernel, resolve(options.placement, options.mode, device->caps(), kernel.layout.floats() * sizeof(float)), 1);
  return device->caps();
}

}  // namespace sounder::cuda
