// A whole key-value store in a simulated network, and all that is checked of it.
#pragma once

#include "protocol/kv_schedule.hpp"

namespace sounder::test {

/// Runs to its end, or until nothing moves any more.
KvOutcome run(const KvSchedule& schedule);

}  // namespace sounder::test
