// The lines below the table: what telemetry found.
#include <fmt/format.h>

#include "table.hpp"
#include "units.hpp"

namespace sounder::bench {
namespace {

/// "staleness p50 1 p99 3 max 17 updates, 4.1 % of updates met a change, 0.9 % of writes lost, busy 97 %"
std::string findings(const Telemetry& t) {
  std::string line;
  if (t.staleness.count())
    line += fmt::format("staleness p50 {} p99 {} max {} updates, ", t.staleness.quantile(0.5), t.staleness.quantile(0.99), t.staleness.max());
  if (const auto rate = t.conflict_rate()) line += percent(*rate) + " of updates met a change, ";
  if (const auto rate = t.lost_rate()) line += percent(*rate) + " of writes lost, ";
  const double all = t.compute_seconds() + t.wait_seconds();
  return line + fmt::format("busy {:.0f} %", all > 0 ? 100 * t.compute_seconds() / all : 100);
}

std::string describe(const HotLine& line) {
  constexpr std::size_t kNamed = 4;
  std::string features;
  for (std::size_t i = 0; i < std::min(kNamed, line.features.size()); ++i) features += fmt::format("{}{}", i ? ", " : "", line.features[i]);
  if (line.features.size() > kNamed) features += ", ...";
  return fmt::format("  line of table {} ({}): written by {} of examples, {} conflicts\n", line.table,
                     features.empty() ? "intercept" : (line.features.size() > 1 ? "features " : "feature ") + features, percent(line.share),
                     line.conflicts);
}

}  // namespace

std::string findings_of(const std::vector<TableRow>& rows, bool hottest) {
  std::string text;
  for (const TableRow& row : rows) {
    const Telemetry& t = row.result->telemetry;
    if (!t.on || t.examples() == 0) continue;
    text += fmt::format("{}: {}\n", row.name.label(), findings(t));
    if (!hottest) continue;
    for (const HotLine& line : t.hottest) text += describe(line);
  }
  for (const TableRow& row : rows) {
    if (!row.efficiency || row.name.threads == 1) continue;
    const Efficiency& e = *row.efficiency;
    text += fmt::format("{}: ", row.name.label());
    if (const auto speedup = e.speedup())
      text += fmt::format("speed-up {:.2f} = {} x {:.2f} hardware x {:.2f} statistical efficiency (to loss {:.4g}, against {})\n", *speedup,
                          e.workers, e.hardware, *e.statistical, e.target, row.reference);
    else
      text += fmt::format("hardware efficiency {:.2f}; no speed-up to loss {:.4g}: not both this and {} reached it\n", e.hardware, e.target,
                          row.reference);
  }
  return text.empty() ? text : "\n" + text;
}

}  // namespace sounder::bench
