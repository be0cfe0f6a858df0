// The trainer: streams of a device and the workers of a CPU backend pull chunks from the same queue.
#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "batch.hpp"
#include "device_data.hpp"
#include "gathering.hpp"
#include "hybrid.hpp"
#include "mirror.hpp"
#include "split.hpp"
#include "storage.hpp"
#include "stream_team.hpp"
#include "tasks.hpp"
#include "workers.hpp"

namespace sounder::cuda {
namespace {

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
  if (const auto shape = batch_shape_of(kernel, options.batch)) {
    check_batches(options, kernel.name);
    device.require_products();
    plan = plan_of(options, device.caps(), kernel.layout.floats() * sizeof(float));
    return {};
  }
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

/// Those of the rank with this local number: its GPUs are the next ones behind those of the rank before.
std::vector<std::unique_ptr<Device>> make_devices(const GpuOptions& options, DeviceName name, int number) {
  if (const DeviceStatus status = status_of(name); status.absence != Absence::none) throw Error(status.sentence);
  if (const int here = name == DeviceName::emu ? kMostGpus : cuda_devices(); options.gpus > here)
    throw Error(fmt::format("--gpus {} are more than are here: give --gpus {}{}", options.gpus, here, here > 1 ? " or fewer" : ""));
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < options.gpus; ++i) devices.push_back(name == DeviceName::emu ? make_emulated_device() : make_cuda_device(number * options.gpus + i));
  return devices;
}

class HybridBackend final : public Backend, private Gatherer {
 public:
  HybridBackend(const GpuOptions& options, std::unique_ptr<Device> device, std::vector<std::unique_ptr<Device>> others, std::unique_ptr<Backend> cpu)
      : options_(options), device_(std::move(device)), cpu_(std::move(cpu)), streams_(*device_, options.gpu_streams),
        gathering_(*device_, streams_, std::move(others), options) {
    check_cpu(options_, *cpu_);
  }

  Team& team() override { return cpu_->team(); }

  Parameters make_parameters(const Layout& layout) override {
    const std::size_t bytes = layout.floats() * sizeof(float);
    // Whether rows are owned is not known yet: if they may be, the master is pinned, which is right for a mirror too.
    plan_ = plan_of(options_, device_->caps(), bytes, true);
    return Parameters(layout, Memory(layout.floats(), device_->allocate(plan_.master, bytes)));
  }

  void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) override {
    const double nonzeros = static_cast<double>(data.nonzeros()) / static_cast<double>(std::max<std::size_t>(1, data.size()));
    const StepProgram program = program_of(*device_, options_, kernel, nonzeros, plan_);
    const std::optional<BatchShape> shape = batch_shape_of(kernel, options_.batch);
    kernel_ = &kernel;
    parameters_ = &parameters;
    dealer_.reset();
    if (plan_.split) dealer_.emplace(kernel, data, *program.owned, both());
    const Dataset& ordered = dealer_ ? dealer_->data() : data;
    mirror_.reset();
    const ModelBytes bytes = bytes_of_model(options_, kernel.layout.floats() * sizeof(float));
    const bool resident = is_resident(options_.gpu_data, device_->caps(), bytes, data);
    if (plan_.mirrored) mirror_.emplace(*device_, parameters, rule_of(options_.merge), plan_.split ? program.owned : std::nullopt, options_.storage);
    const StreamJob job{.kernel = &kernel,
                        .data = &ordered,
                        .resident = resident,
                        .model_bytes = bytes,
                        .per_chunk = options_.may_split ? chunk_size(data.size(), data.nonzeros()) : 0,
                        .program = program,
                        .batches = shape,
                        .cells = cells(),
                        .workers = shape ? options_.gpu_streams
                                         : options_.gpu_workers.value_or(workers_for(data, device_->caps(), program.lanes, options_.update_form() != UpdateName::racy)),
                        .at_once = shape ? std::nullopt : std::optional(workers_that_fit(device_->caps(), program.lanes))};
    streams_.prepare(job);
    gathering_.prepare(job, parameters, nonzeros);
    followed_ = false;
    discarded_ = 0;
    if (both()) cpu_->prepare(kernel, ordered, parameters);
  }

  void run(const Round& round, ChunkQueue& queue) override {
    if (gathering_.several()) throw Error(fmt::format("--gpus {} add up gradients, and this mode exchanges parameters: give --mode bsp or backup, or --gpus 1", options_.gpus));
    before_round_ = of_gpus();
    if (dealer_) dealer_->open(round, queue, team().size());
    bring_mirror(round.untouched && followed_);
    followed_ = true;
    if (dealer_) return train(round, dealer_->cpu(), dealer_->gpu(), queue);
    expect(queue);
    train(round, queue, queue, queue);
    remember(queue);
  }

  /// Streams gather as they train, but at parameters that nobody moves.
  Gatherer* gatherer() override { return this; }
  /// Dealt examples come in an order of their own.
  bool in_order() const override { return !dealer_; }

  int visits() const override { return 1; }
  Telemetry telemetry() const override {
    Telemetry telemetry = both() ? cpu_->telemetry() : Telemetry{};
    telemetry.gpu_updates = of_gpus() - discarded_;
    return telemetry;
  }
  std::string remark() const override {
    std::string text = fmt::format("{}: placement {}, {}; {}", device_->caps().name, name_of(kPlacements, plan_.placement), plan_.why, streams_.remark()) + gathering_.remark();
    if (dealer_) text += fmt::format("; an exchange is of {} bytes, that of a mirror of all would be of {}", mirror_->bytes_exchanged(), mirror_->bytes());
    return text;
  }

 private:
  bool both() const { return options_.mode == GpuMode::hybrid; }
  /// What the GPU trains on.
  Cells cells() const { return mirror_ ? mirror_->cells() : parameters_->cells(); }
  /// Examples that GPUs have taken.
  std::uint64_t of_gpus() const { return streams_.examples() + gathering_.examples_of_others(); }

  // --- gathering

  bool beside_team() const override { return both(); }
  void begin(const Round&, ChunkQueue& queue) override {
    if (dealer_) throw Error("--placement split deals examples out, and gradients are of those that a round has: give --placement mirror");
    if (options_.storage != StorageName::f32) throw Error(fmt::format("--storage {} is of a copy that is trained on, and gradients are gathered at floats: give --storage f32", name_of(kStorages, options_.storage)));
    if (!gathering_.can_gather()) throw Error(fmt::format("--model {} has no kernel that gathers gradients: give a mode that exchanges parameters, or train on CPU threads alone", kernel_->name));
    before_round_ = of_gpus();
    if (!gathering_.several()) bring_mirror(false);
    expect(queue);
    gathered_ = &queue;
    gathering_.begin(queue);
  }
  Gathered end() override {
    const Gathered sums = gathering_.end();
    remember(*gathered_);
    return sums;
  }
  void discard() override { discarded_ += of_gpus() - before_round_; }

  // --- training

  /// A CPU thread must not hold more than it can do while the GPU does the rest.
  void expect(ChunkQueue& queue) {
    const int threads = team().size();
    queue.expect(std::max(threads, static_cast<int>(std::min(1e4, threads * (1 + gpu_per_cpu_)))));
  }
  void remember(const ChunkQueue& queue) {
    const double on_gpu = share(queue);
    gpu_per_cpu_ = std::clamp(on_gpu / std::max(1 - on_gpu, 1e-3), 0.1, 1e3);
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

  /// Both sides train until their queues are empty, and the parameters hold all of it. `whole`: what says how far the round is.
  void train(const Round& round, ChunkQueue& cpu_queue, ChunkQueue& gpu_queue, const ChunkQueue& whole) {
    std::exception_ptr error;
    double cpu_seconds = 0, gpu_seconds = 0;
    {
      std::optional<Periodically> exchange;
      if (both() && mirror_) exchange.emplace(options_.sync_ms, [&] { mirror_->reconcile(share(whole)); });
      if (dealer_)
        streams_.start(gpu_queue, round.rate, dealer_->cut().examples, [this](std::size_t examples) { dealer_->stepped(examples); });
      else
        streams_.start(gpu_queue, round.rate);
      const auto begin = Clock::now();
      try {
        if (both()) cpu_->run(round, cpu_queue), cpu_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      } catch (...) {
        error = std::current_exception();
      }
      gpu_seconds = streams_.join(error);
      if (exchange) exchange->end(error);
    }
    if (error) std::rethrow_exception(error);
    if (!both() && mirror_ && !dealer_ && options_.storage == StorageName::f32) {
      mirror_->hand_all_to_host();  // nobody else has moved anything
    } else {
      if (mirror_) mirror_->reconcile(share(whole));  // nobody trains: now both copies hold all updates
      if (dealer_) mirror_->hand_to_host(dealer_->cut().rows, dealer_->rows());
    }
    if (dealer_) dealer_->close(cpu_seconds, gpu_seconds);
  }

  /// Of the GPU in the updates of the round so far.
  float share(const ChunkQueue& queue) const {
    const auto taken = static_cast<double>(queue.taken());
    const auto own = static_cast<double>(of_gpus() - before_round_);
    return taken > 0 ? static_cast<float>(std::min(1., own / taken)) : 0.5f;
  }

  const GpuOptions options_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Backend> cpu_;
  const Kernel* kernel_ = nullptr;
  Parameters* parameters_ = nullptr;
  Plan plan_;
  std::optional<Mirror> mirror_;
  std::optional<Dealer> dealer_;
  ChunkQueue* gathered_ = nullptr;    ///< from where modes gather that do
  StreamTeam streams_;
  Gathering gathering_;
  std::uint64_t before_round_ = 0;    ///< examples of the GPUs
  std::uint64_t discarded_ = 0;       ///< examples whose gradients nobody stepped on
  std::size_t held_from_ = 0;         ///< the first owned row that the device holds
  bool followed_ = false;             ///< the mirror holds what the last round left
  double gpu_per_cpu_ = 8;            ///< examples of the GPU for each of the CPU, in the last round
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

std::unique_ptr<Backend> make_hybrid(const GpuOptions& options, std::unique_ptr<Device> device, std::unique_ptr<Backend> cpu,
                                     std::vector<std::unique_ptr<Device>> others) {
  options.validate();
  return std::make_unique<HybridBackend>(options, std::move(device), std::move(others), std::move(cpu));
}

std::unique_ptr<Backend> make_backend(const GpuOptions& options, DeviceName device, std::unique_ptr<Backend> cpu, int number) {
  options.validate();
  if (options.mode == GpuMode::cpu) return cpu;
  std::vector<std::unique_ptr<Device>> devices = make_devices(options, device, number);
  std::unique_ptr<Device> first = std::move(devices[0]);
  devices.erase(devices.begin());
  return make_hybrid(options, std::move(first), std::move(cpu), std::move(devices));
}

Caps check(const GpuOptions& options, DeviceName name, const Kernel& kernel, const Backend& cpu, int number, const Dataset* data) {
  options.validate();
  if (options.mode == GpuMode::cpu) return {};
  check_cpu(options, cpu);
  const auto devices = make_devices(options, name, number);
  Plan plan;
  program_of(*devices[0], options, kernel, 1, plan);
  if (data) is_resident(options.gpu_data, devices[0]->caps(), bytes_of_model(options, kernel.layout.floats() * sizeof(float)), *data);
  return devices[0]->caps();
}

}  // namespace sounder::cuda
