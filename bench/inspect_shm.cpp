#include "inspect_shm.hpp"

#include <fmt/format.h>

#include <sounder/data/statistics.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/shm/advice.hpp>
#include <sounder/shm/topology.hpp>

#include "record_file.hpp"
#include "units.hpp"

namespace sounder::bench {
namespace {

/// All that the report says.
struct Report {
  std::string name, model;
  Statistics statistics;
  Conflicts conflicts;
  std::size_t data_bytes = 0, parameter_bytes = 0, window_bytes = 0;
  shm::Advice advice;
  std::optional<std::uint32_t> hottest_id;  ///< original id of the hottest row; empty: it is not a row of a feature
  std::optional<double> core_to_core_ns;
};

std::size_t bytes_of(const Columns& c) {
  return c.offsets.size() * sizeof c.offsets[0] + c.ids.size() * sizeof c.ids[0] + c.values.size() * sizeof c.values[0] +
         c.labels.size() * sizeof c.labels[0];
}

Report report_of(const ShmSettings& settings) {
  Columns columns = load(settings.data, settings.load);
  Report report{.name = columns.name,
                .model = std::string(name_of(kModels, settings.model.model)),
                .statistics = statistics(columns),
                .conflicts = conflicts(columns, settings.options.seed),
                .data_bytes = bytes_of(columns),
                .advice = {},
                .hottest_id = {},
                .core_to_core_ns = {}};
  const Dataset data = Dataset::train(std::move(columns), settings.options.seed);
  const Kernel kernel = builtin_kernel(settings.model, data, settings.options.rule);
  report.parameter_bytes = kernel.layout.floats() * sizeof(float);
  report.advice = shm::advise(kernel, data, settings.options, most_threads(settings));
  report.core_to_core_ns = report.advice.hottest.core_to_core_ns;
  for (std::size_t t = 0; t < kernel.layout.tables(); ++t)
    if (kernel.layout.shape(t).space == 0) report.window_bytes = report.advice.hot_rows * kernel.layout.stride(t) * sizeof(float);
  const RowId row = report.advice.hottest.row;
  if (const int space = kernel.layout.shape(row.table).space; space >= 0 && row.row < data.numbering(static_cast<std::uint32_t>(space)).size())
    report.hottest_id = data.numbering(static_cast<std::uint32_t>(space)).original(row.row);
  return report;
}

std::string flags_of(const shm::Advice& advice) {
  std::string flags = fmt::format("--mode {} --threads {}", name_of(kModes, advice.mode), advice.threads);
  if (advice.mode == Mode::cached) flags += fmt::format(" --hot-rows {} --flush {}", advice.hot_rows, advice.flush);
  return flags;
}

std::string text_of(const Report& r) {
  const Statistics& s = r.statistics;
  std::string text = fmt::format("{}: {} examples, {} features, {} nonzeros ({:.1f} an example)\n\n", r.name, s.examples, s.features,
                                 s.nonzeros, s.mean_nonzeros);
  const auto line = [&](const char* word, const std::string& value, const std::string& meaning) {
    text += fmt::format("{:<14}{:<10}{}\n", word, value, meaning);
  };
  line("Omega", fmt::format("{}", s.omega), "most features in one example");
  line("Delta", fmt::format("{:.4g}", s.delta), "of the examples hold the hottest feature");
  line("rho", fmt::format("{:.4g}", r.conflicts.rho),
       fmt::format("of the examples share a feature with one example: the most, {}",
                   r.conflicts.sampled == s.examples ? "exactly" : fmt::format("of {} sampled", r.conflicts.sampled)));
  line("", fmt::format("{:.4g}", r.conflicts.mean), "the same in the mean: the chance that two examples conflict");
  line("kappa", fmt::format("{:.4g}", s.kappa), "features that two random examples share");
  line("Zipf slope", fmt::format("{:.3g}", s.zipf), "s of frequency ~ rank^-s over the hottest features");
  std::string hottest;
  for (std::size_t i = 0; i < std::min<std::size_t>(5, s.hottest.size()); ++i)
    hottest += fmt::format("{}{} ({:.3g} %)", i ? ", " : "", s.hottest[i].id,
                           100. * s.hottest[i].frequency / static_cast<double>(s.examples));
  line("hottest", "", hottest);
  line("memory", "", fmt::format("{} for the data, {} for the parameters of {}, {} for each worker's window in mode cached",
                                 bytes_text(r.data_bytes), bytes_text(r.parameter_bytes), r.model, bytes_text(r.window_bytes)));
  const shm::HottestLine& hot = r.advice.hottest;
  line("hottest line", "", fmt::format("{:.3g} % of the steps write the cache line of {}{}", 100 * hot.share,
                                       r.hottest_id ? fmt::format("feature {}", *r.hottest_id) : "a row without feature",
                                       hot.cap ? fmt::format("; at {:.0f} ns from core to core, lock-free workers that all write it do about {} examples/s",
                                                             *r.core_to_core_ns, human(*hot.cap))
                                               : ""));
  line("advice", "", flags_of(r.advice));
  line("", "", r.advice.reason);
  return text;
}

Json record_of(const Report& r) {
  const Statistics& s = r.statistics;
  Json hottest = Json::array(), trials = Json::array();
  for (const Hot& hot : s.hottest) hottest.push_back({{"space", hot.space}, {"id", hot.id}, {"frequency", hot.frequency}});
  for (const auto& trial : r.advice.trials)
    trials.push_back({{"mode", name_of(kModes, trial.mode)}, {"threads", trial.threads}, {"examples_per_second", trial.examples_per_second}});
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
  return {{"kind", "inspect"},
          {"data", r.name},
          {"model", r.model},
          {"examples", s.examples},
          {"features", s.features},
          {"nonzeros", s.nonzeros},
          {"mean_nonzeros", s.mean_nonzeros},
          {"omega", s.omega},
          {"delta", s.delta},
          {"rho", r.conflicts.rho},
          {"mean_conflicts", r.conflicts.mean},
          {"sampled", r.conflicts.sampled},
          {"kappa", s.kappa},
          {"zipf", s.zipf},
          {"hottest", hottest},
          {"data_bytes", r.data_bytes},
          {"parameter_bytes", r.parameter_bytes},
          {"window_bytes", r.window_bytes},
          {"hottest_line", {{"id", r.hottest_id ? Json(*r.hottest_id) : Json(nullptr)}, {"share", r.advice.hottest.share},
                            {"cap_examples_per_second", number(r.advice.hottest.cap)}}},
          {"core_to_core_ns", number(r.core_to_core_ns)},
          {"advice", {{"mode", name_of(kModes, r.advice.mode)}, {"threads", r.advice.threads}, {"hot_rows", r.advice.hot_rows},
                      {"flush", r.advice.flush}, {"trials", trials}}}};
}

}  // namespace

void inspect(const ShmSettings& settings) {
  const Report report = report_of(settings);
  if (!settings.json.empty()) RecordFile(settings.json).write(record_of(report));
  if (!settings.quiet) fmt::print(settings.json == "-" ? stderr : stdout, "{}", text_of(report));
}

}  // namespace sounder::bench
