#include <sounder/shm/advice.hpp>

#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include <sounder/shm/backend.hpp>
#include <sounder/shm/topology.hpp>

#include "hot_rows.hpp"
#include "modes/mode.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kSample = 20'000;    ///< examples of a trial
constexpr std::size_t kNonzeros = 2 << 20; ///< of a trial: a millisecond or two
constexpr int kRepeats = 5;                ///< after one that warms up

/// One candidate, ready to run rounds over the sample on parameters of its own.
class Trial {
 public:
  Trial(const Kernel& kernel, const Dataset& data, Options options, Mode mode, int threads, std::size_t sample)
      : queue_(sample, chunk_size(data.size(), data.nonzeros())), round_{.rate = rate_of(kernel, options)} {
    options.mode = mode;
    options.threads = threads;
    backend_ = make_backend(options);
    parameters_ = Parameters(kernel.layout, backend_->memory());
    kernel.initialize(parameters_, options.seed);
    backend_->prepare(kernel, data, parameters_);
  }

  double seconds() {
    queue_.open(backend_->team().size());
    const auto begin = std::chrono::steady_clock::now();
    backend_->run(round_, queue_);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  static float rate_of(const Kernel& kernel, const Options& options) {
    return static_cast<float>(options.step_at(0, kernel.default_step));
  }

  ChunkQueue queue_;
  Round round_;
  std::unique_ptr<Backend> backend_;
  Parameters parameters_;
};

bool advisable(Mode mode, const Dataset& data, const Options& options, int threads) {
  if (mode == Mode::serial) return true;
  const Advisable where = entry_of(mode).advisable;
  const bool here = where == Advisable::always || (where == Advisable::on_ratings && data.spaces() == 2);
  Options asked = options;
  asked.mode = mode;
  return here && threads > 1 && refusal(asked).empty();
}

std::vector<Advice::Trial> candidates(const Dataset& data, const Options& options, int threads) {
  std::vector<Advice::Trial> all;
  for (const auto& mode : kModes)
    if (advisable(mode.value, data, options, threads)) all.push_back({mode.value, mode.value == Mode::serial ? 1 : threads, 0});
  return all;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

HottestLine hottest_line(const Kernel& kernel, const Dataset& data) {
  constexpr std::size_t kLineFloats = kCacheLine / sizeof(float);
  HottestLine hottest;
  if (!kernel.list || data.size() == 0) return hottest;
  const std::size_t sample = std::min(data.size(), kSample);

  // How many examples touch each line, and which row of it most do.
  std::vector<std::vector<std::uint32_t>> count, last, row_count;
  for (std::size_t t = 0; t < kernel.layout.tables(); ++t) {
    const std::size_t rows = kernel.layout.shape(t).rows, lines = rows * kernel.layout.stride(t) / kLineFloats + 1;
    count.emplace_back(lines);
    last.emplace_back(lines, ~0u);
    row_count.emplace_back(rows);
  }
  std::vector<RowId> rows;
  for (std::size_t i = 0; i < sample; ++i) {
    rows.clear();
    kernel.list(kernel.model.get(), data.examples(), i, i + 1, rows);
    for (const RowId id : rows) {
      const std::size_t line = id.row * kernel.layout.stride(id.table) / kLineFloats;
      ++row_count[id.table][id.row];
      if (std::exchange(last[id.table][line], static_cast<std::uint32_t>(i)) != i) ++count[id.table][line];
    }
  }

  std::uint32_t most = 0;
  for (std::uint32_t t = 0; t < kernel.layout.tables(); ++t)
    for (std::uint32_t row = 0; row < row_count[t].size(); ++row) {
      const std::uint32_t touches = count[t][row * kernel.layout.stride(t) / kLineFloats];
      if (touches < most || (touches == most && row_count[t][row] <= row_count[hottest.row.table][hottest.row.row])) continue;
      most = touches;
      hottest.row = {t, row};
    }
  hottest.share = most / static_cast<double>(sample);
  for (int i = 0; i < 3; ++i)  // whatever else the machine does makes it longer
    if (const auto ns = core_to_core_ns()) hottest.core_to_core_ns = std::min(*ns, hottest.core_to_core_ns.value_or(*ns));
  if (hottest.core_to_core_ns && hottest.share > 0) hottest.cap = 1e9 / (hottest.share * *hottest.core_to_core_ns);
  return hottest;
}

Advice advise(const Kernel& kernel, const Dataset& data, const Options& options, int threads) {
  Advice advice;
  const std::size_t each = data.nonzeros() / std::max<std::size_t>(1, data.size()) + 1;
  advice.sample = std::min({data.size(), kSample, kNonzeros / each + 1});
  advice.hottest = hottest_line(kernel, data);
  const HotRowsOptions hot = hot_rows_options(options, threads);
  const HotRows plan(kernel, data, hot);
  advice.flush = hot.updates;
  for (std::size_t t = 0; t < plan.head_floats.size(); ++t)
    if (static_cast<int>(t) != kernel.intercept_table) advice.hot_rows += std::min(plan.head_floats[t] / kernel.layout.stride(t), kernel.layout.shape(t).rows);

  advice.trials = candidates(data, options, threads);
  std::vector<std::unique_ptr<Trial>> trials;
  for (const Advice::Trial& candidate : advice.trials)
    trials.push_back(std::make_unique<Trial>(kernel, data, options, candidate.mode, candidate.threads, advice.sample));
  std::vector<std::vector<double>> seconds(trials.size());
  for (int repeat = 0; repeat <= kRepeats; ++repeat)
    for (std::size_t i = 0; i < trials.size(); ++i) {
      const std::size_t k = repeat % 2 == 0 ? i : trials.size() - 1 - i;
      const double time = trials[k]->seconds();
      if (repeat > 0) seconds[k].push_back(time);
    }
  for (std::size_t i = 0; i < trials.size(); ++i)
    advice.trials[i].examples_per_second = static_cast<double>(advice.sample) / median(seconds[i]);

  const auto best = std::max_element(advice.trials.begin(), advice.trials.end(), [](const auto& a, const auto& b) {
    return a.examples_per_second < b.examples_per_second;
  });
  advice.mode = best->mode;
  advice.threads = best->threads;
  for (const Advice::Trial& trial : advice.trials)
    advice.reason += fmt::format("{}{} x{} {:.3g}", advice.reason.empty() ? "" : ", ", name_of(kModes, trial.mode), trial.threads,
                                 trial.examples_per_second / 1e6);
  advice.reason = fmt::format("measured on {} examples, M examples/s: {}", advice.sample, advice.reason);
  return advice;
}

}  // namespace sounder::shm
