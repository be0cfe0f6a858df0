#include <algorithm>

#include <fmt/ranges.h>

#include <sounder/error.hpp>
#include <sounder/shm/backend.hpp>

#include "outputs.hpp"
#include "settings_cuda.hpp"
#include "version.hpp"

namespace sounder::bench {
namespace {

void declare(CommandLine& line, CudaSettings& s) {
  line.text("--mode", help_of("who trains, a comma-separated list or all", cuda::kGpuModes), "NAME[,NAME]",
            [&](const std::string& value) { s.modes = listed("--mode", cuda::kGpuModes, value); });
  declare_gpu(line, s.gpu);
  line.name("--node-mode", kModes, s.node_mode, "the discipline of the CPU threads (default hogwild)");
  declare_problem(line, s);
  declare_training(line, s,
                   {.threads = "CPU threads (default: all cores)",
                    .step = "step size of the first epoch (default: from the model and the data)",
                    .batch = "node modes with batches: examples a batch, over all threads, or all (default: by the mode); mlp on a GPU: examples that a stream steps on at once (default 16)",
                    .target_loss = "end a run when the training loss is at or below this"});
  line.on("--backoff", s.options.backoff, "after a divergence, go on from the last good point at half the step, up to 10 times");
  declare_files(line, s);
  declare_checkpoints(line, s);
  line.on("--quiet", s.quiet, "no live line and no table");
}

/// The GPU takes mini-batches, of --batch examples.
bool by_batches(const CudaSettings& s) { return s.uses_gpu() && s.model.model == ModelName::mlp; }

/// Throws Error on flags that none of the chosen modes obeys.
void check_obeyed_in_modes(const CommandLine& line, const CudaSettings& s) {
  for (const char* const flag : {"--gpus", "--server-placement"})
    if (line.given(flag))
      throw Error(fmt::format("{} is of rounds at whose end GPUs add up gradients, and the modes of bench_cuda have none: give bench_mpi --mode bsp --node-mode gpu", flag));
  std::vector<std::string_view> names;
  for (const cuda::GpuMode mode : s.modes) names.push_back(name_of(cuda::kGpuModes, mode));
  check_obeyed_by_gpu(line, s.gpu, s.modes, "--mode", fmt::format("{}", fmt::join(names, ", ")));
  if (line.given("--node-mode") && std::ranges::all_of(s.modes, [](cuda::GpuMode mode) { return mode == cuda::GpuMode::gpu; }))
    throw Error("--node-mode does nothing with --mode gpu: leave it out, or give --mode cpu or hybrid");
}

void check(const CommandLine& line, const CudaSettings& s) {
  s.options.validate();
  if (s.race) throw Error("--step auto is of bench_shm: give a number, or leave --step out");
  if (s.threads.size() > 1) throw Error("--threads takes one number here: leave the others out");
  check_obeyed_in_modes(line, s);
  const bool hybrid = std::find(s.modes.begin(), s.modes.end(), cuda::GpuMode::hybrid) != s.modes.end();
  if (hybrid && (s.node_mode == Mode::snapshot || s.node_mode == Mode::averaged))
    throw Error(fmt::format("--node-mode {} writes all parameters anew at the end of a round, and a GPU's updates would be lost: give --node-mode hogwild",
                            name_of(kModes, s.node_mode)));
  if (hybrid && s.node_mode == Mode::conflictfree)
    throw Error("--node-mode conflictfree steps on blocks of the whole set, not on the chunks that the GPU leaves: give --node-mode hogwild");
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
                   version_text("", gpu_text()));
  declare(line, settings);
  if (const std::string answer = line.parse(argc, argv); !answer.empty()) {
    fmt::print("{}", answer);
    return std::nullopt;
  }
  settings.load.format = format_of(settings.model.model);
  check(line, settings);
  if (by_batches(settings)) {
    if (settings.options.batch == Options::kAll) throw Error("--batch all is of node modes: give a number of examples that a stream of the GPU steps on at once");
    if (settings.options.batch) settings.gpu.options.batch = static_cast<int>(std::min<std::size_t>(*settings.options.batch, 1 << 30));
    settings.gpu.options.validate();
  }
  check_obeyed(line, settings, {settings.node_mode}, by_batches(settings) ? "--batch" : "");
  return settings;
}

}  // namespace sounder::bench
