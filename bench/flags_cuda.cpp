#include <algorithm>

#include <fmt/ranges.h>

#include <sounder/error.hpp>
#include <sounder/shm/backend.hpp>

#include "outputs.hpp"
#include "settings_cuda.hpp"
#include "version.hpp"

namespace sounder::bench {
namespace {

/// For --version.
std::string cuda_text() {
#ifdef SOUNDER_CUDA_VERSION
  return fmt::format("{}, and the emulated device", SOUNDER_CUDA_VERSION);
#else
  return "the emulated device only (no CUDA toolkit when this was built)";
#endif
}

void declare(CommandLine& line, CudaSettings& s) {
  cuda::GpuOptions& gpu = s.gpu;
  line.text("--mode", help_of("who trains, a comma-separated list or all", cuda::kGpuModes), "NAME[,NAME]",
            [&](const std::string& value) { s.modes = listed("--mode", cuda::kGpuModes, value); });
  line.name("--device", cuda::kDevices, s.device, "what to train on (default auto)");
  line.name("--placement", cuda::kPlacements, gpu.placement, "where the shared parameters live (default auto)");
  line.name("--update", cuda::kUpdates, gpu.update, "how kernels write (default red)");
  line.number<int>("--gpu-streams", gpu.gpu_streams, fmt::format("streams that train at the same time (default {})", gpu.gpu_streams));
  line.number<int>("--gpu-workers", gpu.gpu_workers, "examples that the GPU steps on at the same time (default: by how often they would meet in a row)");
  line.number<double>("--sync-ms", gpu.sync_ms, "milliseconds between two exchanges of master and mirror, 0: no pause (default: four times as long as one takes)");
  line.name("--merge", cuda::kMerges, gpu.merge, "how movements of both sides come together (default auto)");
  line.name("--node-mode", kModes, s.node_mode, "the discipline of the CPU threads (default hogwild)");
  declare_problem(line, s);
  declare_training(line, s,
                   {.threads = "CPU threads (default: all cores)",
                    .step = "step size of the first epoch (default: from the model and the data)",
                    .batch = "node modes with batches: examples a batch, over all threads, or all (default: by the mode)",
                    .target_loss = "end a run when the training loss is at or below this"});
  line.on("--backoff", s.options.backoff, "after a divergence, go on from the last good point at half the step, up to 10 times");
  declare_files(line, s);
  declare_checkpoints(line, s);
  line.on("--quiet", s.quiet, "no live line and no table");
}

/// A flag that is of some modes, and that these obey.
struct FlagOfModes {
  const char* flag;
  std::vector<cuda::GpuMode> modes;
};

std::vector<FlagOfModes> flags_of_modes() {
  using enum cuda::GpuMode;
  return {{"--placement", {gpu, hybrid}}, {"--update", {gpu, hybrid}},   {"--gpu-streams", {gpu, hybrid}}, {"--gpu-workers", {gpu, hybrid}},
          {"--sync-ms", {hybrid}},        {"--merge", {hybrid}},         {"--node-mode", {cpu, hybrid}}};
}

/// Flags that none of the chosen modes obeys, or that another flag takes the effect of. Throws Error.
void check_obeyed_on_gpu(const CommandLine& line, const CudaSettings& s) {
  const auto names = [](const std::vector<cuda::GpuMode>& modes, const char* between) {
    std::vector<std::string_view> all;
    for (const cuda::GpuMode mode : modes) all.push_back(name_of(cuda::kGpuModes, mode));
    return fmt::format("{}", fmt::join(all, between));
  };
  for (const auto& [flag, modes] : flags_of_modes())
    if (line.given(flag) && std::ranges::find_first_of(s.modes, modes) == s.modes.end())
      throw Error(fmt::format("{} does nothing in mode {}: leave it out, or give --mode {}", flag, names(s.modes, ", "), names(modes, " or ")));
  const cuda::PlacementName placement = s.gpu.placement;
  const bool one_copy = placement != cuda::PlacementName::automatic && placement != cuda::PlacementName::mirror;
  for (const char* const flag : {"--sync-ms", "--merge"})
    if (line.given(flag) && one_copy)
      throw Error(fmt::format("{} does nothing with --placement {}, which keeps one copy: leave it out, or give --placement mirror", flag,
                              name_of(cuda::kPlacements, placement)));
}

void check(const CommandLine& line, const CudaSettings& s) {
  s.options.validate();
  s.gpu.validate();
  if (s.race) throw Error("--step auto is of bench_shm: give a number, or leave --step out");
  if (s.threads.size() > 1) throw Error("--threads takes one number here: leave the others out");
  if (s.device == cuda::DeviceName::none && s.uses_gpu()) throw Error("--device none has no GPU to train on: give --mode cpu");
  check_obeyed_on_gpu(line, s);
  const bool hybrid = std::find(s.modes.begin(), s.modes.end(), cuda::GpuMode::hybrid) != s.modes.end();
  if (hybrid && (s.node_mode == Mode::snapshot || s.node_mode == Mode::averaged))
    throw Error(fmt::format("--node-mode {} writes all parameters anew at the end of a round, and a GPU's updates would be lost: give --node-mode hogwild",
                            name_of(kModes, s.node_mode)));
  Options options = s.options;
  options.mode = s.node_mode;
  if (const std::string reason = shm::refusal(options); !reason.empty()) throw Error(reason);
  check_problem(s);
  check_checkpoints(s);
  check_options(s.model);
  const char* const single = !s.save.empty() ? "--save" : !s.predict.empty() ? "--predict" : !s.options.checkpoint.empty() ? "--checkpoint" : nullptr;
  if (s.modes.size() > 1 && single)
    throw Error(fmt::format("{} takes the model of one run, but {} are asked for: give one --mode", single, s.modes.size()));
  check_files(inputs_of(s), outputs_of(s));
}

}  // namespace

std::optional<CudaSettings> parse_cuda(int argc, const char* const* argv) {
  CudaSettings settings;
  settings.program = "bench_cuda";
  CommandLine line("Trains a model by stochastic gradient descent on GPU streams and CPU threads that share its parameters.", settings.program,
                   version_text("", cuda_text()));
  declare(line, settings);
  if (const std::string answer = line.parse(argc, argv); !answer.empty()) {
    fmt::print("{}", answer);
    return std::nullopt;
  }
  settings.load.format = format_of(settings.model.model);
  check(line, settings);
  check_obeyed(line, settings, {settings.node_mode});
  return settings;
}

}  // namespace sounder::bench
