// Mode gossip, as its tests take it apart.
#pragma once

#include <functional>
#include <memory>

#include "modes/mode.hpp"

namespace sounder::mpi {

/// How a rank gets what `source` has sent it in a round.
using Hear = std::function<Frame(Endpoint& endpoint, int source, std::uint64_t round)>;
/// The frame of the same round, and no other: waits for it.
Frame hear_same_round(Endpoint& endpoint, int source, std::uint64_t round);

std::unique_ptr<RankDiscipline> make_gossip(const Setting& setting, Hear hear = hear_same_round);

}  // namespace sounder::mpi
