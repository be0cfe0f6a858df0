// What each rank did, brought together on rank 0.
#pragma once

#include <vector>

#include <sounder/mpi/fit.hpp>

#include "endpoint.hpp"
#include "modes/mode.hpp"

namespace sounder::mpi {

/// Fills what of `result` rank 0 alone has: Result::ranks, the staleness, the audit, the remark, and Telemetry of all workers.
/// `own`: of this rank; its traffic is counted from `links_before` on. Collective.
void report_ranks(Endpoint& endpoint, RankReport own, const std::vector<Link>& links_before, const std::vector<Link>& links_after,
                  const ModeTelemetry& mode, const Telemetry& node, bool audit, Result& result);

}  // namespace sounder::mpi
