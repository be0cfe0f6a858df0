#include "records_mpi.hpp"

#include <algorithm>
#include <cmath>

#include "units.hpp"

namespace sounder::bench {
namespace {

template <class T>
T sum_of(const mpi::Result& result, T mpi::RankReport::*part) {
  T sum{};
  for (const mpi::RankReport& rank : result.ranks) sum += rank.*part;
  return sum;
}

Json detail_of(const mpi::Result& result) {
  Json ranks = Json::array();
  for (std::size_t i = 0; i < result.ranks.size(); ++i) {
    const mpi::RankReport& r = result.ranks[i];
    ranks.push_back({{"rank", i},
                     {"host", r.host},
                     {"examples", r.examples},
                     {"rounds", r.rounds},
                     {"compute_seconds", r.compute_seconds},
                     {"wait_seconds", r.wait_seconds},
                     {"pad_seconds", r.pad_seconds},
                     {"communication_seconds", r.communication_seconds},
                     {"bytes_sent", r.bytes_sent},
                     {"messages_sent", r.messages_sent},
                     {"bytes_to", r.bytes_to},
                     {"waited_for", r.waited_for}});
  }
  return ranks;
}

Json audit_of(const mpi::Result& result) {
  if (!result.audit_reads) return nullptr;
  return {{"reads", *result.audit_reads}, {"violations", result.audit_violations.value_or(0)}};
}

/// "rank 2 (0.21 s)"
std::string waited_most(const mpi::RankReport& rank) {
  const auto most = std::max_element(rank.waited_for.begin(), rank.waited_for.end());
  if (most == rank.waited_for.end() || *most <= 0) return "-";
  return fmt::format("rank {} ({})", most - rank.waited_for.begin(), duration(*most));
}

}  // namespace

Json own_options(const MpiSettings& s, const mpi::Options& o, bool uses_gpu) {
  const TopologyName standard = o.mode == RankMode::pushsum ? TopologyName::one_peer : TopologyName::ring;
  Json options{{"architecture", name_of(kArchitectures, o.architecture)},
          {"reducer", name_of(kReducers, o.deterministic ? ReducerName::deterministic : o.reducer)},
          {"codec", name_of(kCodecs, o.codec)},
          {"topk_share", o.codec == CodecName::topk ? Json(o.topk_share) : Json()},
          {"overlap", o.overlap},
          {"ranks_per_node", o.ranks_per_node},
          {"deterministic", o.deterministic},
          {"staleness", o.clocks()},
          {"least_staleness", o.least_staleness ? Json(*o.least_staleness) : Json()},
          {"visibility", name_of(kVisibilities, o.visibility)},
          {"compensate", name_of(kCompensates, o.compensate)},
          {"dc_lambda", o.dc_lambda},
          {"dedicated_servers", o.dedicated_servers},
          {"local_rounds", o.local_rounds},
          {"weight", o.weight_samples ? "samples" : "ranks"},
          {"participation", o.participation},
          {"outer_momentum", o.outer_momentum},
          {"topology", o.topology.empty() ? name_of(kTopologies, standard) : std::string_view(o.topology)},
          {"allow_disconnected", o.allow_disconnected},
          {"backup", o.backup ? Json(*o.backup) : Json()},
          {"evict_after", o.evict_after},
          {"partition", name_of(kPartitions, o.partition)},
          {"balance", name_of(kBalances, o.balance)},
          {"pad_seconds", o.pad_seconds},
          {"straggler", or_null(o.straggler)},
          {"audit", o.audit},
          {"deadline_seconds", o.deadline_seconds},
          {"transport", name_of(kTransports, s.transport)},
          {"time", s.transport == TransportName::sim ? "virtual" : "machine"},
          {"sim", s.transport == TransportName::sim ? Json(s.sim.text()) : Json()}};
  if (uses_gpu) options.update(gpu_options(s.gpu));
  return options;
}

std::vector<std::string> own_columns() {
  std::vector<std::string> columns{"pad_seconds", "communication_seconds", "dropped_updates", "audit.reads", "audit.violations"};
  for (const char* const histogram : {"staleness_updates", "node_staleness"})
    for (const char* const part : {"unit", "mean", "p50", "p99", "max", "samples"}) columns.push_back(fmt::format("{}.{}", histogram, part));
  return columns;
}

Json summary_record(const RunFacts& facts, const mpi::Result& result) {
  Json record = summary_record(facts, result.run);
  record["node_staleness"] = record["staleness"];  // between the workers of a rank
  record["staleness"] = staleness_record(result.staleness_clocks, "clocks");
  record["staleness_updates"] = staleness_record(result.staleness_updates, "updates");
  record["compute_seconds"] = sum_of(result, &mpi::RankReport::compute_seconds);
  record["wait_seconds"] = sum_of(result, &mpi::RankReport::wait_seconds);
  record["pad_seconds"] = sum_of(result, &mpi::RankReport::pad_seconds);
  record["communication_seconds"] = sum_of(result, &mpi::RankReport::communication_seconds);
  record["bytes_sent"] = sum_of(result, &mpi::RankReport::bytes_sent);
  record["messages_sent"] = sum_of(result, &mpi::RankReport::messages_sent);
  const std::uint64_t processed = sum_of(result, &mpi::RankReport::examples), on_gpu = result.run.telemetry.gpu_updates.value_or(0);
  record["cpu_updates"] = processed - std::min(processed, on_gpu);
  record["dropped_updates"] = result.dropped_updates ? Json(*result.dropped_updates) : Json();
  record["audit"] = audit_of(result);
  record["ranks_detail"] = detail_of(result);
  return record;
}

std::vector<Cell> own_cells(const mpi::Result& result) {
  const double compute = sum_of(result, &mpi::RankReport::compute_seconds), wait = sum_of(result, &mpi::RankReport::wait_seconds);
  const double all = compute + wait + sum_of(result, &mpi::RankReport::pad_seconds);
  const auto bytes = static_cast<std::size_t>(sum_of(result, &mpi::RankReport::bytes_sent));
  const Histogram& staleness = result.staleness_clocks;
  return {{"waiting", all > 0 ? percent(wait / all) : "-"},
          {"sent", bytes_text(bytes)},
          {"sent/s", result.run.seconds > 0 ? bytes_text(static_cast<std::size_t>(static_cast<double>(bytes) / result.run.seconds)) : "-"},
          {"staleness", staleness.count() ? fmt::format("{:.2g}, max {}", staleness.mean(), staleness.max()) : "-"}};
}

std::string ranks_text(const std::string& label, const mpi::Result& result) {
  constexpr std::size_t kShown = 64;
  const std::size_t shown_ranks = std::min(kShown, result.ranks.size());
  std::vector<std::vector<std::string>> cells;
  const auto column = [&](const char* heading, auto show) {
    auto& shown = cells.emplace_back(1, heading);
    for (std::size_t i = 0; i < shown_ranks; ++i) shown.push_back(show(i, result.ranks[i]));
  };
  column("  rank", [](std::size_t i, const mpi::RankReport& r) { return fmt::format("  {} on {}", i, r.host); });
  column("computes", [](std::size_t, const mpi::RankReport& r) { return duration(r.compute_seconds); });
  column("waits", [](std::size_t, const mpi::RankReport& r) { return duration(r.wait_seconds); });
  column("sleeps", [](std::size_t, const mpi::RankReport& r) { return duration(r.pad_seconds); });
  column("communicates", [](std::size_t, const mpi::RankReport& r) { return std::isfinite(r.communication_seconds) ? duration(r.communication_seconds) : "-"; });
  column("examples", [](std::size_t, const mpi::RankReport& r) { return human(static_cast<double>(r.examples)); });
  column("rounds", [](std::size_t, const mpi::RankReport& r) { return fmt::format("{}", r.rounds); });
  column("sent", [](std::size_t, const mpi::RankReport& r) { return bytes_text(static_cast<std::size_t>(r.bytes_sent)); });
  column("waits most for", [](std::size_t, const mpi::RankReport& r) { return waited_most(r); });
  const std::string more = shown_ranks < result.ranks.size() ? fmt::format("  ... and {} more: --json has them\n", result.ranks.size() - shown_ranks) : "";
  return fmt::format("\n{}\n{}{}", label, aligned(cells), more);
}

}  // namespace sounder::bench
