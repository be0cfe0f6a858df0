#include "facts.hpp"

#include <fmt/format.h>

#include "batch.hpp"

namespace sounder::mpi {

std::map<std::string, std::string> facts_of_run(const Problem& problem, const sounder::Options& options, const Options& between) {
  std::map<std::string, std::string> facts = facts_of(problem.kernel, options);
  facts["data"] = problem.train.digest;
  facts["test"] = problem.test ? problem.test->digest : "none";
  facts["model"] = problem.kernel.name;
  facts["mode"] = name_of(kRankModes, between.mode);
  facts["node-mode"] = name_of(kModes, options.mode);
  facts["epochs"] = fmt::format("{}", options.epochs);
  facts["batch"] = options.batch ? fmt::format("{}", *options.batch) : "by the mode";
  facts["staleness"] = between.least_staleness ? fmt::format("{}..{}", *between.least_staleness, between.clocks()) : fmt::format("{}", between.clocks());
  facts["visibility"] = name_of(kVisibilities, between.visibility);
  facts["architecture"] = name_of(kArchitectures, between.architecture);
  facts["reducer"] = name_of(kReducers, between.reducer);
  facts["codec"] = between.codec == CodecName::topk ? fmt::format("topk:{}", between.topk_share) : std::string(name_of(kCodecs, between.codec));
  facts["overlap"] = between.overlap ? "on" : "off";
  facts["ranks-per-node"] = fmt::format("{}", between.ranks_per_node);
  facts["deterministic"] = between.deterministic ? "yes" : "no";
  facts["compensate"] = name_of(kCompensates, between.compensate);
  facts["servers"] = fmt::format("{} dedicated", between.dedicated_servers);
  facts["local-rounds"] = fmt::format("{}", between.local_rounds);
  facts["weight"] = between.weight_samples ? "samples" : "ranks";
  facts["participation"] = fmt::format("{}", between.participation);
  facts["outer-momentum"] = fmt::format("{}", between.outer_momentum);
  facts["topology"] = between.topology.empty() ? "by the mode" : between.topology;
  facts["backup"] = between.backup ? fmt::format("{}", *between.backup) : "by the ranks";
  facts["evict-after"] = fmt::format("{}", between.evict_after);
  facts["balance"] = name_of(kBalances, between.balance);
  facts["audit"] = between.audit ? "yes" : "no";
  facts["every"] = options.checkpoint.empty() ? "no checkpoint" : fmt::format("{}", options.every);
  facts["resume"] = problem.resume ? fmt::format("{} epochs, weights {}", problem.resume->epochs, digest(problem.resume->state)) : "none";
  std::map<std::string, std::string> flags;
  for (const auto& [name, value] : facts) flags["--" + name] = value;
  return flags;
}

std::map<std::string, std::string> facts_of_checkpoint(const Problem& problem, const sounder::Options& options, const Options& between,
                                                       double step) {
  std::map<std::string, std::string> facts = sounder::facts_of(problem.kernel, options);
  facts.insert(problem.facts.begin(), problem.facts.end());
  facts["step"] = fmt::format("{}", step);
  facts["mode"] = name_of(kRankModes, between.mode);
  facts["batch"] = fmt::format("{}", batch_of(options, between, problem.train.all_examples));
  facts["partition"] = name_of(kPartitions, between.partition);
  if (between.mode != RankMode::local) return facts;
  facts["local-rounds"] = fmt::format("{}", between.local_rounds);
  facts["weight"] = between.weight_samples ? "samples" : "ranks";
  facts["participation"] = fmt::format("{}", between.participation);
  return facts;
}

}  // namespace sounder::mpi
