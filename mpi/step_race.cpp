#include <sounder/mpi/step_race.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "collectives.hpp"
#include "data/together.hpp"

namespace sounder::mpi {
namespace {

/// The first rank that was dealt examples; 0, if none was.
int first_with_examples(World& world, const Problem& problem) {
  const std::vector<Payload> sizes = all_gather(world.endpoint(), Payload::of(std::vector<std::uint64_t>{problem.train.data.size()}));
  const auto found = std::ranges::find_if(sizes, [](const Payload& size) { return size.as<std::uint64_t>()[0] > 0; });
  return found == sizes.end() ? 0 : static_cast<int>(found - sizes.begin());
}

}  // namespace

StepRace race_steps(World& world, const Problem& problem, const sounder::Options& options) {
  const int racer = first_with_examples(world, problem);
  const bool races = world.rank() == racer;
  StepRace race = together(world, [&] {
    return races ? sounder::race_steps(problem.kernel, problem.train.data, options, problem.start) : StepRace{};
  });
  std::vector<Trial> told = race.trials;  // the winner behind them
  told.push_back({.step = race.step, .loss = 0});
  const Payload of_racer = broadcast(world.endpoint(), racer, races ? Payload::of(std::move(told)) : Payload());
  const auto trials = of_racer.as<Trial>();
  race.trials.assign(trials.begin(), trials.end() - 1);
  race.step = trials.back().step;
  return race;
}

}  // namespace sounder::mpi
