#include <sounder/mpi/options.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/mpi/data.hpp>

#include "straggler.hpp"

namespace sounder::mpi {
namespace {

void require(bool good, const char* flag, double value, const char* mend) {
  if (!good) throw Error(fmt::format("{} {:g} cannot be used: {}", flag, value, mend));
}

}  // namespace

void Options::validate(int ranks) const {
  require(clocks() <= 1'000'000, "--staleness", static_cast<double>(clocks()), "give 0 to 1000000 clocks");
  if (least_staleness && *least_staleness > clocks())
    throw Error(fmt::format("--staleness {}..{} is no range: give the lower bound first", *least_staleness, clocks()));
  if (mode == RankMode::pushsum && least_staleness)
    throw Error(fmt::format("--staleness {}..{} is chosen between by --mode ssp alone: give --mode pushsum one number", *least_staleness, clocks()));
  if (mode == RankMode::ssp && least_staleness && visibility == Visibility::exact)
    throw Error("--staleness LO..HI looks at how far reads are behind, which --visibility exact keeps from them: leave one of them out");
  require(std::isfinite(dc_lambda) && dc_lambda >= 0, "--dc-lambda", dc_lambda, "give 0 or more");
  require(dedicated_servers >= 0 && (dedicated_servers == 0 || dedicated_servers < ranks), "--servers dedicated:", dedicated_servers,
          fmt::format("of {} rank{} at least one must train", ranks, ranks == 1 ? "" : "s").c_str());
  const bool served = mode == RankMode::ssp || mode == RankMode::async || (mode == RankMode::bsp && architecture == Architecture::server);
  if (dedicated_servers > 0 && !served)
    throw Error(fmt::format("--servers dedicated:{} does not go with --mode {}, which has no servers: leave it out", dedicated_servers,
                            name_of(kRankModes, mode)));
  if (mode == RankMode::bsp && dedicated_servers > 0)  // who only serves takes no part in what all ranks of a lockstep agree on
    throw Error(fmt::format("--servers dedicated:{} does not go with --mode bsp, whose servers train too: leave it out, or give --mode ssp "
                            "--staleness 0 --visibility exact, which waits alike",
                            dedicated_servers));
  if (mode == RankMode::bsp && architecture == Architecture::server && (deterministic || reducer == ReducerName::deterministic))
    throw Error(fmt::format("{} adds up over a tree of shards, which servers do not: leave --architecture server out",
                            deterministic ? "--deterministic" : "--reducer deterministic"));
  if (mode == RankMode::bsp && (deterministic || reducer == ReducerName::deterministic) && ranks > kVirtualShards)
    throw Error(fmt::format("--deterministic adds up {} shards, and of {} ranks some have none: use {} ranks or fewer", kVirtualShards, ranks, kVirtualShards));
  require(ranks_per_node >= 0, "--ranks-per-node", ranks_per_node, "give 1 or more, or 0 for the ranks that have one host name");
  require(topk_share > 0 && topk_share <= 1, "--codec topk:", topk_share, "give a share above 0, up to 1");
  if (mode == RankMode::bsp && codec != CodecName::none && architecture == Architecture::server)
    throw Error("--codec is for ranks that tell each other, not for servers: leave --architecture server out");
  if (mode == RankMode::bsp && codec != CodecName::none && (deterministic || reducer == ReducerName::deterministic))
    throw Error("--codec keeps what it leaves out on each rank, so that the bits depend on how many there are: leave --codec or --deterministic out");
  require(local_rounds >= 1, "--local-rounds", local_rounds, "give 1 or more");
  require(participation > 0 && participation <= 1, "--participation", participation, "give a share above 0, up to 1");
  require(outer_momentum >= 0 && outer_momentum < 1, "--outer-momentum", outer_momentum, "give 0 or more, below 1");
  require(!backup || *backup >= 0, "--backup", backup.value_or(0), "give the number of ranks that need not be waited for, 0 or more");
  require(evict_after >= 0, "--evict-after", evict_after, "give rounds, 0 or more (0: never)");
  if (mode == RankMode::backup && backup && *backup >= ranks && *backup > 0)
    throw Error(fmt::format("--backup {} leaves no gradient of {} rank{} to be waited for: give {} or less", *backup, ranks, ranks == 1 ? "" : "s",
                            ranks - 1));
  if (mode == RankMode::backup && balance == BalanceName::fixed && backup.value_or(ranks / 4) > 0)
    throw Error("--balance fixed visits each example once, and --mode backup lets late ones go: leave it out, or give --backup 0");
  if (mode == RankMode::backup && evict_after > 0 && backup.value_or(ranks / 4) == 0)
    throw Error(fmt::format("--evict-after {} takes out at most as many ranks as need not come, and {}: give --backup 1 or more, or leave it out",
                            evict_after, backup ? "--backup 0 waits for all" : fmt::format("of {} rank{} all must", ranks, ranks == 1 ? "" : "s")));
  require(std::isfinite(pad_seconds) && pad_seconds >= 0, "--pad", pad_seconds * 1000, "give milliseconds, 0 or more");
  require(std::isfinite(deadline_seconds) && deadline_seconds > 0, "--deadline", deadline_seconds, "give seconds, more than 0");
  static_cast<void>(Straggler(straggler, pad_seconds, ranks, 0));
}

void Options::validate_checkpoint(const char* flag, RuleName rule) const {
  const auto refuse = [&](const std::string& why) { throw Error(fmt::format("{} {}", flag, why)); };
  if (mode == RankMode::backup)
    refuse("does not go with --mode backup, whose ranks come to the end of an epoch each at its own time, and keep of that step the weights alone, not the "
           "state of the rule: give --mode bsp or local");
  if (mode != RankMode::bsp && mode != RankMode::local)
    refuse(fmt::format("does not go with --mode {}, in which there is no moment that all ranks agree on: give --mode bsp or local", name_of(kRankModes, mode)));
  if (mode == RankMode::bsp && architecture == Architecture::server)
    refuse("does not go with --architecture server, where the state of the rule lies with servers: leave that out");
  if (mode == RankMode::bsp && codec != CodecName::none)
    refuse("does not go with --codec, since each rank has gradients that wait to be sent: leave one of them out");
  if (mode == RankMode::local && rule != RuleName::sgd)
    refuse(fmt::format("does not go with --rule {} in --mode local, where each rank has a state of its own: give --rule sgd, or --mode bsp", name_of(kRules, rule)));
  if (mode == RankMode::local && outer_momentum > 0)
    refuse("does not go with --outer-momentum, whose velocity lies in parts on all ranks: leave one of them out");
}

}  // namespace sounder::mpi
