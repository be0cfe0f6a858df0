#include <sounder/mpi/step_race.hpp>

#include <utility>
#include <vector>

#include "collectives.hpp"
#include "data/together.hpp"

namespace sounder::mpi {

StepRace race_steps(World& world, const Problem& problem, const sounder::Options& options) {
  const bool first = world.rank() == 0;
  StepRace race = together(world, [&] {
    return first ? sounder::race_steps(problem.kernel, problem.train.data, options, problem.start) : StepRace{};
  });
  std::vector<Trial> told = race.trials;  // the winner behind them
  told.push_back({.step = race.step, .loss = 0});
  const Payload of_first = broadcast(world.endpoint(), 0, first ? Payload::of(std::move(told)) : Payload());
  const auto trials = of_first.as<Trial>();
  race.trials.assign(trials.begin(), trials.end() - 1);
  race.step = trials.back().step;
  return race;
}

}  // namespace sounder::mpi
