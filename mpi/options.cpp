#include <sounder/mpi/options.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "straggler.hpp"

namespace sounder::mpi {
namespace {

void require(bool good, const char* flag, double value, const char* mend) {
  if (!good) throw Error(fmt::format("{} {:g} cannot be used: {}", flag, value, mend));
}

}  // namespace

void Options::validate(int ranks) const {
  require(staleness <= 1'000'000, "--staleness", static_cast<double>(staleness), "give 0 to 1000000 clocks");
  require(std::isfinite(dc_lambda) && dc_lambda >= 0, "--dc-lambda", dc_lambda, "give 0 or more");
  require(dedicated_servers >= 0 && (dedicated_servers == 0 || dedicated_servers < ranks), "--servers dedicated:", dedicated_servers,
          fmt::format("of {} rank{} at least one must train", ranks, ranks == 1 ? "" : "s").c_str());
  const bool served = mode == RankMode::ssp || mode == RankMode::async || (mode == RankMode::bsp && architecture == Architecture::server);
  if (dedicated_servers > 0 && !served)
    throw Error(fmt::format("--servers dedicated:{} does not go with --mode {}, which has no servers: leave it out", dedicated_servers,
                            name_of(kRankModes, mode)));
  if (mode == RankMode::bsp && architecture == Architecture::server && deterministic)
    throw Error("--deterministic sums over a tree of ranks: leave --architecture server out");
  require(local_rounds >= 1, "--local-rounds", local_rounds, "give 1 or more");
  require(participation > 0 && participation <= 1, "--participation", participation, "give a share above 0, up to 1");
  require(outer_momentum >= 0 && outer_momentum < 1, "--outer-momentum", outer_momentum, "give 0 or more, below 1");
  require(std::isfinite(pad_seconds) && pad_seconds >= 0, "--pad", pad_seconds * 1000, "give milliseconds, 0 or more");
  require(std::isfinite(deadline_seconds) && deadline_seconds > 0, "--deadline", deadline_seconds, "give seconds, more than 0");
  static_cast<void>(Straggler(straggler, pad_seconds, ranks, 0));
}

}  // namespace sounder::mpi
