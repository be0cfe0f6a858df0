#include "report.hpp"

#include <cstring>
#include <type_traits>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

/// What of a rank's report has one size, as it lies in memory: ranks run the same program.
struct Fixed {
  std::uint64_t examples, rounds, bytes_sent, messages_sent;
  double compute_seconds, publish_seconds, compute_deviation, wait_seconds, pad_seconds, communication_seconds;
  Histogram staleness_clocks, staleness_updates;
  std::uint64_t reads, violations, dropped, audited, kept, workers, gpu_updates;
  bool telemetry, drops, gpu;
};
static_assert(std::is_trivially_copyable_v<Fixed> && std::is_trivially_copyable_v<WorkerTelemetry>);

std::vector<std::byte> text_bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
std::string text_of(const Payload& payload) {
  return {reinterpret_cast<const char*>(payload.bytes().data()), payload.size()};
}

}  // namespace

void report_ranks(Endpoint& endpoint, RankReport own, const std::vector<Link>& links_before, const std::vector<Link>& links_after,
                  const ModeTelemetry& mode, const Telemetry& node, bool audit, Result& result) {
  for (std::size_t rank = 0; rank < links_after.size(); ++rank) {
    const Link &before = links_before[rank], &after = links_after[rank];
    const bool self = static_cast<int>(rank) == endpoint.rank();  // what stays inside of a rank is no traffic
    own.bytes_to.push_back(self ? 0 : after.bytes_sent - before.bytes_sent);
    own.waited_for.push_back(after.waited_seconds - before.waited_seconds);
    own.bytes_sent += own.bytes_to.back();
    own.messages_sent += self ? 0 : after.messages_sent - before.messages_sent;
  }
  const Fixed fixed{.examples = own.examples,
                    .rounds = own.rounds,
                    .bytes_sent = own.bytes_sent,
                    .messages_sent = own.messages_sent,
                    .compute_seconds = own.compute_seconds,
                    .publish_seconds = own.publish_seconds,
                    .compute_deviation = own.compute_deviation,
                    .wait_seconds = own.wait_seconds,
                    .pad_seconds = own.pad_seconds,
                    .communication_seconds = own.communication_seconds,
                    .staleness_clocks = mode.staleness_clocks,
                    .staleness_updates = mode.staleness_updates,
                    .reads = mode.reads,
                    .violations = mode.violations,
                    .dropped = mode.dropped.value_or(0),
                    .audited = node.audited,
                    .kept = node.kept,
                    .workers = node.workers.size(),
                    .gpu_updates = node.gpu_updates.value_or(0),
                    .telemetry = node.on,
                    .drops = mode.dropped.has_value(),
                    .gpu = node.gpu_updates.has_value()};
  const std::vector<Payload> all_fixed = gather(endpoint, 0, Payload::of(std::vector<Fixed>{fixed}));
  const std::vector<Payload> bytes_to = gather(endpoint, 0, Payload::of(own.bytes_to));
  const std::vector<Payload> waited_for = gather(endpoint, 0, Payload::of(own.waited_for));
  const std::vector<Payload> hosts = gather(endpoint, 0, Payload::of(text_bytes(own.host)));
  const std::vector<Payload> workers = gather(endpoint, 0, Payload::of(node.workers));
  result.remark = mode.remark;
  if (endpoint.rank() != 0) return;

  result.run.telemetry = {};
  result.run.telemetry.hottest = node.hottest;  // of rank 0: names a few rows, which all ranks share
  for (std::size_t rank = 0; rank < all_fixed.size(); ++rank) {
    const Fixed& of = all_fixed[rank].as<Fixed>()[0];
    result.ranks.push_back({.host = text_of(hosts[rank]),
                            .examples = of.examples,
                            .rounds = of.rounds,
                            .compute_seconds = of.compute_seconds,
                            .wait_seconds = of.wait_seconds,
                            .publish_seconds = of.publish_seconds,
                            .compute_deviation = of.compute_deviation,
                            .pad_seconds = of.pad_seconds,
                            .communication_seconds = of.communication_seconds,
                            .bytes_sent = of.bytes_sent,
                            .messages_sent = of.messages_sent,
                            .bytes_to = {bytes_to[rank].as<std::uint64_t>().begin(), bytes_to[rank].as<std::uint64_t>().end()},
                            .waited_for = {waited_for[rank].as<double>().begin(), waited_for[rank].as<double>().end()}});
    result.staleness_clocks.merge(of.staleness_clocks);
    result.staleness_updates.merge(of.staleness_updates);
    if (of.drops) result.dropped_updates = result.dropped_updates.value_or(0) + of.dropped;
    if (audit) {
      result.audit_reads = result.audit_reads.value_or(0) + of.reads;
      result.audit_violations = result.audit_violations.value_or(0) + of.violations;
    }
    for (const WorkerTelemetry& worker : workers[rank].as<WorkerTelemetry>()) result.run.telemetry.add(worker);
    result.run.telemetry.kept += of.kept;
    if (of.gpu) result.run.telemetry.gpu_updates = result.run.telemetry.gpu_updates.value_or(0) + of.gpu_updates;
  }
}

}  // namespace sounder::mpi
