// Who did what when, on all ranks: what Options::trace_spans asks for, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sounder::mpi {

/// compute: a round up to where its local work is done. pad: asleep, by --pad and --straggler. exchange: the rest of the round. wait: the
/// training thread, for others, inside of those. evaluate: all that is no training. send, receive: the communication thread's.
enum class SpanKind : std::int32_t { compute, pad, exchange, wait, evaluate, send, receive };

struct TraceSpan {
  double begin = 0, seconds = 0;  ///< on rank 0's clock
  std::int32_t rank = -1;         ///< the other one, of what comes and goes
  SpanKind kind = SpanKind::compute;
};

struct RankTrace {
  std::vector<TraceSpan> spans;
  std::uint64_t left_out = 0;  ///< for want of room
};

/// As Chrome and Perfetto show it (the Trace Event Format): a process for each rank, thread 0 trains, thread 1 communicates; microseconds from
/// the first span on. Throws Error if the file cannot be written.
void write_trace(const std::string& path, const std::vector<RankTrace>& ranks);

}  // namespace sounder::mpi
