#include "session_cuda.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include <sounder/cuda/backend.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>
#include <sounder/train/evaluate.hpp>

#include "loaded.hpp"
#include "reporter.hpp"
#include "table.hpp"

namespace sounder::bench {
namespace {

using cuda::GpuMode;

class Session {
 public:
  explicit Session(const CudaSettings& settings)
      : settings_(settings), out_(settings.json == "-" ? stderr : stdout), loaded_(load_all(settings)),
        kernel_(builtin_kernel(settings.model, *loaded_.train, settings.options.rule)) {
    if (loaded_.start) check_saved(*loaded_.start, kernel_);  // before any file is opened
    check_resume(loaded_.problem(kernel_, settings_), settings_.options);
    for (const GpuMode mode : settings_.modes) {
      const cuda::Caps caps = cuda::check(gpu_of(mode), settings_.gpu.device, kernel_, *shm::make_backend(options()), 0, &*loaded_.train);
      if (mode != GpuMode::cpu) gpu_ = caps.name;
    }
    if (!settings.json.empty()) files_.emplace_back(settings.json);
    if (!settings.curve.empty()) files_.emplace_back(settings.curve);
  }

  int run() {
    introduce(loaded_, kernel_, settings_, "", out_);
    std::deque<Result> results;
    std::vector<TableRow> rows;
    std::string remarks;
    for (const GpuMode mode : settings_.modes) {
      if (interrupted().load(std::memory_order_relaxed)) break;
      RunFacts facts = facts_of(mode, static_cast<int>(results.size()));
      results.push_back(run_one(mode, facts));
      rows.push_back({facts.name, &results.back(), facts.auc, facts.efficiency, facts.reference, {}});
      if (!facts.remark.empty()) remarks += fmt::format("{}: {}\n", facts.name.label(), facts.remark);
    }
    if (!settings_.quiet) fmt::print(out_, "{}{}{}", table_of(rows, DataFacts::of(*loaded_.train), kernel_.task), remarks, shares_of(rows));
    for (const Result& result : results) {
      if (!result.advice.empty()) fmt::print(stderr, "bench_cuda: {}\n", result.advice);
      if (!result.checkpoint_error.empty()) fmt::print(stderr, "bench_cuda: the last checkpoint is lost: {}\n", result.checkpoint_error);
    }
    flush(out_);
    const auto any = [&](auto is) { return std::any_of(results.begin(), results.end(), is); };
    if (any([](const Result& r) { return !r.checkpoint_error.empty(); })) return kBadInput;
    if (interrupted().load(std::memory_order_relaxed)) return kInterrupted;
    return any([](const Result& r) { return r.stopped == Stopped::diverged; }) ? kDiverged : kAllRan;
  }

 private:
  int threads() const { return settings_.threads.empty() ? static_cast<int>(shm::usable_cpus().size()) : settings_.threads[0]; }

  Options options() const {
    Options options = settings_.options;
    options.mode = settings_.node_mode;
    options.threads = threads();
    options.stop = &interrupted();
    return options;
  }

  cuda::GpuOptions gpu_of(GpuMode mode) const {
    cuda::GpuOptions gpu = settings_.gpu.options;
    gpu.mode = mode;
    return gpu;
  }

  RunFacts facts_of(GpuMode mode, int run) const {
    RunFacts facts{.name = {.run = run, .mode = std::string(name_of(cuda::kGpuModes, mode)), .node_mode = {}, .threads = threads()},
                   .task = kernel_.task,
                   .data = DataFacts::of(*loaded_.train),
                   .load_seconds = loaded_.seconds,
                   .core_to_core_ns = shm::core_to_core_ns(),
                   .transport = {},
                   .auc = {},
                   .efficiency = {},
                   .reference = {},
                   .remark = {}};
    if (mode != GpuMode::cpu) facts.gpu = gpu_;
    if (mode != GpuMode::gpu) facts.name.node_mode = name_of(kModes, settings_.node_mode);
    return facts;
  }

  /// What bench_cuda alone has.
  Json own_options() const {
    Json options = gpu_options(settings_.gpu);
    options["backoff"] = settings_.options.backoff;
    return options;
  }

  Result run_one(GpuMode mode, RunFacts& facts) {
    const Options options = this->options();
    const auto backend = cuda::make_backend(gpu_of(mode), settings_.gpu.device, shm::make_backend(options));
    for (RecordFile& file : files_) file.write(run_record(settings_, facts, own_options()));
    Exchange alone;
    Result result = [&] {
      Reporter reporter(settings_, facts, files_);
      return fit(loaded_.problem(kernel_, settings_), options, *backend, alone, reporter);
    }();
    if (loaded_.test && kernel_.task == Task::binary)
      facts.auc = auc(predict(kernel_, result.parameters, *loaded_.test, backend->team()), loaded_.test->labels());
    facts.remark = backend->remark();
    Json summary = summary_record(facts, result);
    if (const auto on_gpu = result.telemetry.gpu_updates) summary["cpu_updates"] = updates_of(result) - std::min(updates_of(result), *on_gpu);
    for (RecordFile& file : files_) file.write(summary);
    write_models(loaded_, kernel_, settings_, result, backend->team());
    result.parameters = {};  // the table needs the curve only
    return result;
  }

  /// Of this process: who took those before a checkpoint is not known.
  std::uint64_t updates_of(const Result& result) const {
    return result.curve.back().updates - (loaded_.resume ? loaded_.resume->curve.back().updates : 0);
  }

  /// Who took how many steps.
  std::string shares_of(const std::vector<TableRow>& rows) const {
    std::string text;
    for (const TableRow& row : rows)
      if (const auto on_gpu = row.result->telemetry.gpu_updates) {
        const std::uint64_t all = updates_of(*row.result);
        text += fmt::format("{}: {:.1f} % of the updates by the GPU\n", row.name.label(), all ? 100. * static_cast<double>(std::min(*on_gpu, all)) / static_cast<double>(all) : 0.);
      }
    return text;
  }

  CudaSettings settings_;
  std::FILE* out_;
  Loaded loaded_;
  Kernel kernel_;
  std::string gpu_;  ///< its name; "": none is asked for
  std::deque<RecordFile> files_;
};

}  // namespace

int run_session(const CudaSettings& settings) {
  if (const cuda::DeviceStatus status = cuda::status_of(settings.gpu.device); settings.uses_gpu() && status.absence != cuda::Absence::none) {
    fmt::print(stderr, "bench_cuda: {}\n", status.sentence);
    return kNoDevice;
  }
  Session session(settings);
  catch_signals();
  return session.run();
}

}  // namespace sounder::bench
