#include "traffic/report.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sounder/error.hpp>

#include "units.hpp"

namespace sounder::bench {
namespace {

double fastest(const Timing& timing) { return *std::min_element(timing.seconds.begin(), timing.seconds.end()); }

/// With the digits that a round trip needs.
std::string time_text(double seconds) { return seconds < 1e-4 ? fmt::format("{:.2f} us", 1e6 * seconds) : duration(seconds); }

}  // namespace

void print(const Series& series, const std::vector<Timing>& timings) {
  fmt::print("{} of {}, {} ranks{}\n", series.what, bytes_text(series.bytes), series.ranks,
             series.rounds == 1 ? "" : fmt::format(", each of {}", series.rounds));
  for (const Timing& timing : timings)
    fmt::print("  {:<26} {:>10}  fastest {:>10}  {:>10}/s  {:5.2f}\n", timing.name, time_text(timing.median() / series.rounds),
               time_text(fastest(timing) / series.rounds),
               bytes_text(static_cast<std::size_t>(static_cast<double>(series.bytes) * series.rounds / timing.median())),
               timings.front().median() / timing.median());
}

void record(const std::string& path, const Series& series, const std::vector<Timing>& timings) {
  std::ofstream out(path, std::ios::app);
  for (const Timing& timing : timings)
    out << nlohmann::json{{"kind", "traffic"},
                          {"program", series.program},
                          {"what", series.what},
                          {"name", timing.name},
                          {"ranks", series.ranks},
                          {"bytes", series.bytes},
                          {"rounds", series.rounds},
                          {"median_seconds", timing.median() / series.rounds},
                          {"min_seconds", fastest(timing) / series.rounds},
                          {"of_first", timings.front().median() / timing.median()}}
               .dump()
        << '\n';
  if (!out.flush()) throw Error(fmt::format("--json {} cannot be written: give a file in a folder that exists and has room", path));
}

}  // namespace sounder::bench
