#include "trace.hpp"

#include <limits>
#include <memory>

#include "collectives.hpp"
#include "endpoint.hpp"

namespace sounder::mpi {
namespace {

constexpr int kAsked = 8;
constexpr std::uint64_t kTag = std::uint64_t{1} << 63;  ///< no collective counts so far

double now(const Endpoint& endpoint) { return std::chrono::duration<double>(endpoint.time().now().time_since_epoch()).count(); }

/// What to add to this rank's clock for rank 0's: the quickest answer of some has had the least time to err.
double behind_rank_0(Endpoint& endpoint) {
  double best = 0, quickest = std::numeric_limits<double>::infinity();
  for (int rank = 1; rank < endpoint.size(); ++rank)
    for (int i = 0; i < kAsked; ++i) {
      const auto ask = [&](int other, Payload payload) {
        endpoint.send(other, {.kind = Kind::mail, .channel = Channel::collective, .tag = kTag}, std::move(payload));
      };
      const auto take = [&](int other) { return endpoint.receive(other, Kind::mail, kTag, {.what = "the clock of a rank", .clock = 0, .on = {}}); };
      if (endpoint.rank() == 0) {
        static_cast<void>(take(rank));
        ask(rank, Payload::of(std::vector{now(endpoint)}));
      } else if (endpoint.rank() == rank) {
        const double begin = now(endpoint);
        ask(0, {});
        const double there = take(0).payload.as<double>()[0], end = now(endpoint);
        if (end - begin < quickest) quickest = end - begin, best = there - (begin + end) / 2;
      }
    }
  return best;
}

}  // namespace

std::vector<RankTrace> gather_traces(Endpoint& endpoint) {
  Trace& trace = *endpoint.trace();
  std::vector<TraceSpan> spans = trace.take();
  const double behind = behind_rank_0(endpoint);
  for (TraceSpan& span : spans) span.begin += behind;
  const auto ranks = static_cast<std::size_t>(endpoint.size());
  std::vector<Payload> spans_to(ranks), left_out_to(ranks);
  spans_to[0] = Payload::of(std::move(spans));
  left_out_to[0] = Payload::of(std::vector{trace.left_out()});
  const std::vector<Payload> all = all_to_all(endpoint, std::move(spans_to)), left_out = all_to_all(endpoint, std::move(left_out_to));
  endpoint.trace_to(nullptr);
  std::vector<RankTrace> traces;
  for (std::size_t rank = 0; endpoint.rank() == 0 && rank < ranks; ++rank) {
    const auto of_rank = all[rank].as<TraceSpan>();
    traces.push_back({{of_rank.begin(), of_rank.end()}, left_out[rank].as<std::uint64_t>()[0]});
  }
  return traces;
}

}  // namespace sounder::mpi
