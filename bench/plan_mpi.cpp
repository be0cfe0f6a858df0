#include <algorithm>
#include <thread>

#include <sounder/cuda/backend.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>

#include "protocol/topology.hpp"  // what --topology means is said there alone
#include "settings_mpi.hpp"
#include "transport/window.hpp"

namespace sounder::bench {
namespace {

bool has_topology(RankMode mode) { return mode == RankMode::gossip || mode == RankMode::adpsgd || mode == RankMode::pushsum; }

/// Why one pair of modes cannot run with the other flags; "": it can.
std::string refusal(const MpiSettings& settings, RankMode mode, const NodeMode& node_mode, int ranks) {
  if (node_mode.uses_gpu()) {
    if (settings.transport == TransportName::sim)
      return fmt::format("--node-mode {} computes in its own time, and --transport sim in a virtual one: give --transport inproc", node_mode.name());
    if (settings.gpu.options.placement == cuda::PlacementName::split)
      return "--placement split deals out whole epochs, and a round between ranks is a part of one: give --placement mirror";
    if (settings.between.deterministic)
      return fmt::format("--deterministic adds up in an order that --node-mode {} does not keep: leave it out, or give --node-mode hogwild", node_mode.name());
    if (mpi::gathers_gradients(mode)) {
      if (settings.model.model == ModelName::mlp)
        return fmt::format("--model mlp has no kernel that gathers gradients, as mode {} needs them: give another mode, or --node-mode hogwild", name_of(kRankModes, mode));
      if (settings.gpu.options.storage != StorageName::f32)
        return fmt::format("--storage {} is of a copy that is trained on, and mode {} gathers gradients: leave one of them out",
                           name_of(cuda::kStorages, settings.gpu.options.storage), name_of(kRankModes, mode));
    } else if (settings.gpu.options.gpus > 1) {
      return fmt::format("--gpus {} add up gradients, and mode {} exchanges parameters or movements: give --mode bsp or backup, or leave --gpus out",
                         settings.gpu.options.gpus, name_of(kRankModes, mode));
    }
    if (settings.all_node_modes && cuda::status_of(settings.gpu.device).absence != cuda::Absence::none) return "there is no GPU";
  }
  Options options = settings.options;
  options.mode = node_mode.cpu;
  if (mode == RankMode::rma && settings.transport == TransportName::sim) return mpi::kNoWindows;
  if (std::string reason = shm::refusal(options); !reason.empty()) return reason;
  mpi::Options between = settings.between;
  between.mode = mode;
  try {
    between.validate(ranks);
    if (!options.checkpoint.empty()) between.validate_checkpoint("--checkpoint", options.rule);
    if (!settings.resume.empty()) between.validate_checkpoint("--resume", options.rule);
    if (has_topology(mode) && !between.topology.empty())
      static_cast<void>(mpi::Topology::make(between.topology, ranks, options.seed, between.allow_disconnected));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

int ranks_on_cores(const MpiSettings& settings, int ranks) {
  if (settings.transport != TransportName::mpi) return ranks;
  if (shm::usable_cpus().size() < std::thread::hardware_concurrency()) return 1;  // the launcher has dealt them out
  return settings.launch.local_size > 0 ? settings.launch.local_size : ranks;
}

std::vector<PlannedRanks> plan_of(const MpiSettings& settings, int ranks) {
  const std::vector<int> counts = settings.transport == TransportName::sim ? std::vector{1} : settings.threads.empty() ? std::vector<int>{std::max(1, static_cast<int>(shm::usable_cpus().size()) / ranks_on_cores(settings, ranks))} : settings.threads;
  std::vector<PlannedRanks> plan;
  for (const RankMode mode : settings.modes)
    for (const NodeMode& node_mode : settings.node_modes) {
      if (const std::string reason = refusal(settings, mode, node_mode, ranks); !reason.empty()) {
        if (settings.all_modes || settings.all_node_modes) continue;
        throw Error(reason);
      }
      if (node_mode.cpu == Mode::serial)
        plan.push_back({mode, node_mode, 1});
      else
        for (const int threads : counts) plan.push_back({mode, node_mode, threads});
    }
  if (plan.empty()) throw Error(refusal(settings, settings.modes.front(), settings.node_modes.front(), ranks));
  const char* const single = !settings.save.empty()                 ? "--save"
                             : !settings.predict.empty()            ? "--predict"
                             : !settings.options.checkpoint.empty() ? "--checkpoint"
                                                                    : nullptr;
  const char* const measured = !settings.calibrate.empty() ? "--calibrate" : !settings.trace.empty() ? "--trace" : nullptr;
  if (plan.size() > 1 && measured)
    throw Error(fmt::format("{} is of one run, but {} are asked for: give one --mode, one --node-mode and one --threads", measured, plan.size()));
  if (plan.size() > 1 && single)
    throw Error(fmt::format("{} takes the model of one run, but {} are asked for: give one --mode, one --node-mode and one --threads", single,
                            plan.size()));
  return plan;
}

}  // namespace sounder::bench
