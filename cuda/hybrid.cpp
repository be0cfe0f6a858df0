// The trainer: streams of a device and the workers of a CPU backend pull chunks from the same queue.
#include <atomic>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "chunk_feed.hpp"
#include "device_data.hpp"
#include "gradient_sums.hpp"
#include "hybrid.hpp"
#include "mirror.hpp"
#include "split.hpp"
#include "storage.hpp"
#include "tasks.hpp"
#include "workers.hpp"

namespace sounder::cuda {
namespace {

constexpr double kSegmentSeconds = 5e-3;  ///< of a kernel: the step size, a stop and the end of a round are seen between segments
constexpr std::size_t kMostBuffer = std::size_t{64} << 20;  ///< bytes: more than a segment needs at the pace of the bus
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

/// The model's kernel for the placement that is right for both, which is left in `plan`.
StepProgram program_of(Device& device, const GpuOptions& options, const Kernel& kernel, double nonzeros, Plan& plan) {
  if (kernel.rule != RuleName::sgd)
    throw Error(fmt::format("--rule {} has no kernel for GPUs: give --rule sgd, or train on CPU threads alone", name_of(kRules, kernel.rule)));
  const StepProgram floats = device.program(kernel, {.update = UpdateName::racy, .nonzeros = nonzeros});
  if (!floats.start) throw Error(fmt::format("--model {} has no kernel for GPUs: give another model, or train on CPU threads alone", kernel.name));
  plan = plan_of(options, device.caps(), kernel.layout.floats() * sizeof(float), floats.owned.has_value());
  const StepProgram program = device.program(
      kernel, {.update = options.update_form(), .system_scope = plan.system_scope, .nonzeros = nonzeros, .storage = options.storage});
  if (!program.start && options.storage != StorageName::f32)
    throw Error(fmt::format("--storage {} has kernels for --model mf with --factors 17 to 128 alone: give those, or leave --storage out",
                            name_of(kStorages, options.storage)));
  if (!program.start)
    throw Error(fmt::format("--model {} has no kernel for --update {}: give --update racy", kernel.name, name_of(kUpdates, options.update_form())));
  return program;
}

std::unique_ptr<Device> make_device(DeviceName device, int number) {
  if (const DeviceStatus status = status_of(device); status.absence != Absence::none) throw Error(status.sentence);
  return device == DeviceName::emu ? make_emulated_device() : make_cuda_device(number);
}

class HybridBackend final : public Backend, private Gatherer {
 public:
  HybridBackend(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu)
      : options_(options), device_(std::move(device)), cpu_(std::move(cpu)) {
    check_cpu(options_, *cpu_);
    for (int i = 0; i < options_.gpu_streams; ++i) streams_.push_back(device_->stream());
  }

  Team& team() override { return cpu_->team(); }

  Parameters make_parameters(const Layout& layout) override {
    const std::size_t bytes = layout.floats() * sizeof(float);
    plan_ = plan_of(options_, device_->caps(), bytes, true);  // whether rows are owned makes no difference to the master's memory
    return Parameters(layout, Memory(layout.floats(), device_->allocate(plan_.master, bytes)));
  }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    nonzeros_ = static_cast<double>(data.nonzeros()) / static_cast<double>(std::max<std::size_t>(1, data.size()));
    program_ = program_of(*device_, options_, kernel, nonzeros_, plan_);
    kernel_ = &kernel;
    dealer_.reset();
    if (plan_.split) dealer_.emplace(kernel, data, *program_.owned, both());
    const Dataset& ordered = dealer_ ? dealer_->data() : data;
    sums_.reset();
    const std::size_t bytes = kernel.layout.floats() * sizeof(float);
    resident_ = is_resident(options_.gpu_data, device_->caps(), bytes, data);
    data_.reset();
    feeds_.clear();
    order_.reset();
    mirror_.reset();
    data_.emplace(*device_, ordered, resident_);
    on_host_ = ordered.examples();
    if (plan_.mirrored) mirror_.emplace(*device_, parameters, rule_of(options_.merge), plan_.split ? program_.owned : std::nullopt, options_.storage);
    workers_ = options_.gpu_workers.value_or(workers_for(data, device_->caps(), program_.lanes, options_.update_form() != UpdateName::racy));
    parameters_ = &parameters;
    followed_ = false;
    gpu_examples_.store(0, std::memory_order_relaxed);
    if (both()) cpu_->prepare(kernel, ordered, parameters);
  }

  void run(const Round& round, ChunkQueue& queue) override {
    before_round_ = gpu_examples_.load(std::memory_order_relaxed);
    if (dealer_) dealer_->open(round, queue, team().size());
    bring_mirror(round.untouched && followed_);
    followed_ = true;
    if (dealer_) return train(round, dealer_->cpu(), dealer_->gpu(), queue);
    // A CPU thread must not hold more than it can do while the GPU does the rest.
    const int threads = team().size();
    queue.expect(std::max(threads, static_cast<int>(std::min(1e4, threads * (1 + gpu_per_cpu_)))));
    train(round, queue, queue, queue);
    const double on_gpu = share(queue);
    gpu_per_cpu_ = std::clamp(on_gpu / std::max(1 - on_gpu, 1e-3), 0.1, 1e3);
  }

  /// Streams gather as they train, but at parameters that nobody moves.
  Gatherer* gatherer() override { return this; }

  /// Dealt examples come in an order of their own.
  bool in_order() const override { return !dealer_; }

  int visits() const override { return 1; }
  Telemetry telemetry() const override {
    Telemetry telemetry = options_.mode == GpuMode::hybrid ? cpu_->telemetry() : Telemetry{};
    telemetry.gpu_updates = gpu_examples_.load(std::memory_order_relaxed);
    return telemetry;
  }
  std::string remark() const override {
    std::string text = fmt::format("{}: placement {}, {}; {} workers of {} lanes in {} streams", device_->caps().name,
                                   name_of(kPlacements, plan_.placement), plan_.why, workers_, program_.lanes, options_.gpu_streams);
    text += resident_ ? "; data resident" : feeds_.empty() ? "; data streamed" : fmt::format("; data streamed by 2 buffers of {} KiB a stream", feeds_[0]->bytes() >> 10);
    if (dealer_) text += fmt::format("; an exchange is of {} bytes, that of a mirror of all would be of {}", mirror_->bytes_exchanged(), mirror_->bytes());
    return text;
  }

 private:
  bool both() const { return options_.mode == GpuMode::hybrid; }

  bool beside_team() const override { return both(); }

  void begin(const Round&, ChunkQueue& queue) override {
    if (dealer_) throw Error("--placement split deals examples out, and gradients are of those that a round has: give --placement mirror");
    if (!sums_) {
      sums_.emplace(*device_, *parameters_);
      gathering_ = device_->program(*kernel_, {.nonzeros = nonzeros_, .gathers = true});
    }
    bring_mirror(false);
    sums_->clear(*streams_[0]);
    Segment segment = segment_of(queue, -1);
    segment.cells = sums_->cells(segment.cells);
    segment.decays = sums_->decays();
    for (int i = 0; i < drivers(); ++i)
      gatherers_.push_back(std::make_unique<Task>([this, i, segment, &queue] { drive(static_cast<std::size_t>(i), gathering_, segment, queue); }));
  }
  Gathered end() override {
    std::exception_ptr error;
    for (auto& task : gatherers_) task->join(error);
    gatherers_.clear();
    if (error) std::rethrow_exception(error);
    return sums_->bring(*streams_[0]);
  }

  /// What the GPU is about to train on comes to it. `current`: it holds what the last round left.
  void bring_mirror(bool current) {
    if (!mirror_) return;
    if (!current) mirror_->refresh();
    if (!dealer_) return;
    const std::size_t first = dealer_->cut().rows, rows = dealer_->rows();
    mirror_->hand_to_device(first, current ? std::max(first, held_from_) : rows);
    held_from_ = first;
  }

  /// The chunks of the set on the device, or a feed for each stream.
  void bring_examples(const ChunkQueue& queue) {
    if (resident_) {
      if (!order_) order_ = device_->allocate(Where::device, (on_host_.count / queue.per_chunk() + 2) * sizeof(std::uint32_t));
      streams_[0]->copy(order_.get(), queue.order().data(), queue.order().size_bytes());
      return streams_[0]->wait();
    }
    const std::size_t free = free_for_data(device_->caps(), mirror_ ? mirror_->bytes() : 0), buffers = 2 * static_cast<std::size_t>(drivers());
    while (feeds_.size() < static_cast<std::size_t>(drivers()))
      feeds_.push_back(std::make_unique<ChunkFeed>(*device_, on_host_, queue.per_chunk(), std::min(kMostBuffer, free / 2 / buffers)));
  }

  /// Of the GPU's queue.
  Examples behind_cut(const Examples& all) const { return dealer_ ? tail(all, dealer_->cut().examples) : all; }

  /// What all segments of a round have in common.
  Segment segment_of(const ChunkQueue& queue, float rate) {
    bring_examples(queue);
    return {.cells = mirror_ ? mirror_->cells() : parameters_->cells(),
            .examples = resident_ ? behind_cut(data_->examples()) : Examples{},
            .rarity = data_->rarity(),
            .order = static_cast<const std::uint32_t*>(order_.get()),
            .per_chunk = queue.per_chunk(),
            .rate = rate,
            .groups = workers_ / drivers()};
  }

  /// Both sides train until their queues are empty, and the parameters hold all of it. `whole`: what says how far the round is.
  void train(const Round& round, ChunkQueue& cpu_queue, ChunkQueue& gpu_queue, const ChunkQueue& whole) {
    const Segment segment = segment_of(gpu_queue, round.rate);
    std::exception_ptr error;
    const auto begin = Clock::now();
    const auto since = [begin] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    double cpu_seconds = 0, gpu_seconds = 0;
    {
      std::optional<Periodically> exchange;
      if (both() && mirror_) exchange.emplace(options_.sync_ms, [&] { mirror_->reconcile(share(whole)); });
      std::vector<std::unique_ptr<Task>> tasks;
      std::vector<double> ends(static_cast<std::size_t>(drivers()));
      for (std::size_t i = 0; i < ends.size(); ++i)
        tasks.push_back(std::make_unique<Task>([&, i] { drive(i, program_, segment, gpu_queue), ends[i] = since(); }));
      try {
        if (both()) cpu_->run(round, cpu_queue), cpu_seconds = since();
      } catch (...) {
        error = std::current_exception();
      }
      for (auto& task : tasks) task->join(error);
      gpu_seconds = *std::max_element(ends.begin(), ends.end());
      if (exchange) exchange->end(error);
    }
    if (error) std::rethrow_exception(error);
    if (mirror_) mirror_->reconcile(share(whole));  // nobody trains: now both copies hold all updates
    if (!dealer_) return;
    mirror_->hand_to_host(dealer_->cut().rows, dealer_->rows());
    dealer_->close(cpu_seconds, gpu_seconds);
  }

  /// Streams at work: each has a worker at least.
  int drivers() const { return std::min(options_.gpu_streams, workers_); }

  /// What a stream has taken of its queue.
  struct Taken {
    Segment segment;
    std::size_t chunks = 0, examples = 0;
    Range last;  ///< chunk
  };

  /// One stream: segments of about kSegmentSeconds until the queue is empty.
  void drive(std::size_t number, const StepProgram& program, const Segment& common, ChunkQueue& queue) {
    Stream& stream = *streams_[number];
    ChunkFeed* const feed = resident_ ? nullptr : feeds_[number].get();
    std::size_t chunks = 1 + static_cast<std::size_t>(common.groups) * kPiece / common.per_chunk;
    const auto take = [&] {
      std::optional<Taken> taken;
      std::size_t first = 0, last = 0, most = std::max<std::size_t>(1, queue.left() / (kLastTakes * static_cast<std::size_t>(drivers())));
      most = std::min(most, chunks);
      if (feed) most = std::min(most, feed->chunks());
      if (!queue.take(most, first, last)) return taken;
      taken = {.segment = common, .chunks = last - first, .last = queue.range(last - 1)};
      for (std::size_t i = first; i < last; ++i) taken->examples += queue.range(i).size();
      // As soon as they are taken: the exchange asks for our part in those.
      taken->segment.seed = static_cast<std::uint32_t>(gpu_examples_.fetch_add(taken->examples, std::memory_order_relaxed));
      taken->segment.first = first;
      taken->segment.chunks = last - first;
      if (feed) taken->segment = feed->load(behind_cut(on_host_), queue, first, last, taken->segment);
      return taken;
    };
    if (!queue.check({})) return;
    for (std::optional<Taken> now = take(), next; now; now = feed ? next : take()) {
      const auto begin = Clock::now();
      if (feed) feed->before(stream);
      stream.step(program, kernel_->model.get(), now->segment);
      if (feed) next = take();  // packed and copied while the stream trains
      stream.wait();
      if (dealer_) dealer_->stepped(now->examples);
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      const double more = std::min(2., kSegmentSeconds / std::max(seconds, 1e-6));
      chunks = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(now->chunks) * more));
      if (queue.check(now->last)) continue;
      if (next) queue.skip(next->examples), gpu_examples_.fetch_sub(next->examples, std::memory_order_relaxed);
      return;
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
  double nonzeros_ = 0;  ///< of an example
  const Kernel* kernel_ = nullptr;
  Parameters* parameters_ = nullptr;
  std::optional<DeviceData> data_;
  std::optional<Mirror> mirror_;
  std::optional<Dealer> dealer_;
  std::optional<GradientSums> sums_;  ///< of modes that gather,
  StepProgram gathering_;
  std::vector<std::unique_ptr<Task>> gatherers_;  ///< and the streams at it
  bool resident_ = true;
  Examples on_host_{};
  std::vector<std::unique_ptr<ChunkFeed>> feeds_;  ///< of each stream at work, where data are not resident
  std::shared_ptr<void> order_;
  int workers_ = 1;
  // Written by: the drivers. Read by: the exchange and telemetry(). Order: relaxed; a count alone.
  std::atomic<std::uint64_t> gpu_examples_{0};
  std::uint64_t before_round_ = 0;  ///< of them
  std::size_t held_from_ = 0;       ///< the first owned row that the device holds
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

Caps check(const GpuOptions& options, DeviceName name, const Kernel& kernel, const Backend& cpu, int number, const Dataset* data) {
  options.validate();
  if (options.mode == GpuMode::cpu) return {};
  check_cpu(options, cpu);
  const auto device = make_device(name, number);
  Plan plan;
  program_of(*device, options, kernel, 1, plan);
  if (data) is_resident(options.gpu_data, device->caps(), kernel.layout.floats() * sizeof(float), *data);
  return device->caps();
}

}  // namespace sounder::cuda
