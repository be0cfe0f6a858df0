// What tests on real ranks share: the world of the program.
#pragma once

#include <sounder/mpi/world.hpp>

namespace sounder::test {

/// Made once, before the first test case. All ranks run the same test cases in the same order.
mpi::World& world();

}  // namespace sounder::test
