#include <algorithm>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/shm/topology.hpp>

#include "settings_shm.hpp"

namespace sounder::bench {

Simulation simulation_of(const ShmSettings& s) {
  Simulation simulation{.workers = s.simulate_workers.value_or(1), .tau = {}, .seed = s.options.seed};
  if (s.tau) simulation.tau = StalenessLaw::parse(*s.tau);
  return simulation;
}

namespace {

std::vector<int> thread_counts(const Settings& settings) {
  return settings.threads.empty() ? std::vector<int>{static_cast<int>(shm::usable_cpus().size())} : settings.threads;
}

}  // namespace

int most_threads(const Settings& settings) {
  const std::vector<int> counts = thread_counts(settings);
  return *std::max_element(counts.begin(), counts.end());
}

std::vector<PlannedRun> plan_of(const ShmSettings& settings) {
  std::vector<PlannedRun> plan;
  const std::vector<int> counts = thread_counts(settings);
  for (const std::optional<Mode> mode : settings.modes) {
    if (!mode)
      plan.push_back({Mode::serial, most_threads(settings), true});
    else if (*mode == Mode::serial)
      plan.push_back({Mode::serial, 1});
    else
      for (const int threads : counts) {
        const bool alone = settings.simulate_workers || !settings.replay.empty();
        plan.push_back({*mode, alone ? 1 : threads});
        if (alone) break;
      }
  }
  const char* const single = !settings.save.empty()                 ? "--save"
                             : !settings.predict.empty()            ? "--predict"
                             : !settings.options.checkpoint.empty() ? "--checkpoint"
                                                                    : nullptr;
  if (plan.size() > 1 && single)
    throw Error(fmt::format("{} takes the model of one run, but {} are asked for: give one --mode and one --threads", single, plan.size()));
  if (plan.size() > 1 && !settings.record.empty())
    throw Error(fmt::format("--record takes the order of one run, but {} are asked for: give one number of --threads", plan.size()));
  return plan;
}

}  // namespace sounder::bench
