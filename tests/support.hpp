// What the tests of params, model, train and shm share: small sets, kernels of all models, walks over the tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sounder/data/load.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/train/fit.hpp>

#include "skip.hpp"

namespace sounder::test {

/// ThreadSanitizer makes everything ten times slower: one size for it, one for all other builds.
constexpr std::size_t scaled(std::size_t size, std::size_t under_thread_sanitizer) {
  return kThreadSanitizer ? under_thread_sanitizer : size;
}

/// f(team) for every team of the table that can run in this build; says which are left out.
inline void for_each_team(const std::function<void(TeamName)>& f) {
  for (const auto& team : kTeams) {
    // Instrumented are only threads that the sanitizer sees being made and joined.
    if (kThreadSanitizer && team.value != TeamName::threads)
      skip((std::string(team.name) + ": its runtime is not instrumented; the threads team ran").c_str());
    else
      f(team.value);
  }
}

/// f(mode) for every mode of the table that runs on this team.
inline void for_each_mode(TeamName team, const std::function<void(const Named<Mode>&)>& f) {
  for (const auto& mode : kModes) {
    Options options;
    options.mode = mode.value;
    options.team = team;
    if (shm::refusal(options).empty()) f(mode);
  }
}

/// Examples of ids, all values 1; `labels` empty: the label of each example is its place in the input, so that a
/// model can tell which example it sees, whatever the order.
inline Dataset examples_of(const std::vector<std::vector<std::uint32_t>>& ids, std::vector<float> labels = {},
                           std::vector<float> classes = {}) {
  Columns columns;
  columns.classes = std::move(classes);
  columns.name = "examples";
  columns.offsets.push_back(0);
  for (const auto& example : ids) {
    columns.ids.insert(columns.ids.end(), example.begin(), example.end());
    columns.offsets.push_back(columns.ids.size());
    if (labels.size() < columns.offsets.size() - 1) labels.push_back(static_cast<float>(labels.size()));
  }
  columns.labels = std::move(labels);
  return Dataset::train(std::move(columns), 1);
}

/// Turns labels -1 and +1 into what the model wants: numbers, or three classes of which the first is the -1.
inline Columns relabelled(Columns columns, ModelName model) {
  if (format_of(model) == Format::multiclass) columns.classes = {3, 5, 8};
  for (std::size_t i = 0; i < columns.labels.size(); ++i) {
    float& label = columns.labels[i];
    const bool positive = label > 0;
    if (format_of(model) == Format::cut) label = 0;
    if (format_of(model) == Format::regression) label = positive ? 1.5f : -0.75f;
    if (format_of(model) == Format::multiclass) label = positive ? (columns.ids.empty() || columns.ids[i] % 2 ? 1.f : 2.f) : 0.f;
  }
  return columns;
}

/// Small generated examples that a model can be trained on, with hot and cold rows.
inline Columns small_columns(ModelName model, std::size_t examples, int seed = 1) {
  const std::string size = ",examples=" + std::to_string(examples) + ",seed=" + std::to_string(seed);
  if (format_of(model) == Format::ratings)
    return load("synthetic:netflix,users=300,items=200,hottest=0.1" + size, {.format = Format::ratings});
  if (format_of(model) == Format::cut)  // of a width, 9 pixels or more, that makes about as many examples
    return load("synthetic:grid-cut,height=30,width=" + std::to_string(std::max<std::size_t>(9, examples / 90)) +
                    ",seed=" + std::to_string(seed),
                {.format = Format::cut});
  return relabelled(load("synthetic:zipf,features=4000,nonzeros=20" + size), model);
}
inline Dataset small_set(ModelName model) { return Dataset::train(small_columns(model, scaled(3000, 1000)), 1); }

inline Options options_for(Mode mode, int epochs, int threads = 1, TeamName team = TeamName::threads) {
  Options options;
  options.mode = mode;
  options.epochs = epochs;
  options.threads = threads;
  options.team = team;
  return options;
}

/// Trains with the backend that the options ask for.
inline Result train(const Kernel& kernel, const Dataset& data, const Options& options) {
  const auto backend = shm::make_backend(options);
  return fit(Problem{.kernel = kernel, .train = data}, options, *backend);
}

/// All weights, table by table, row by row.
inline std::vector<float> weights_of(const Parameters& parameters) {
  std::vector<float> weights;
  for (std::size_t table = 0; table < parameters.layout().tables(); ++table)
    for (std::size_t row = 0; row < parameters.layout().shape(table).rows; ++row)
      for (const float w : parameters.row(table, row)) weights.push_back(w);
  return weights;
}

/// The largest difference of two weights, in parts of the largest weight.
inline double distance(const Parameters& a, const Parameters& b) {
  const std::vector<float> left = weights_of(a), right = weights_of(b);
  if (left.size() != right.size()) return 1e30;
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double x = static_cast<double>(left[i]), y = static_cast<double>(right[i]);
    if (!(std::abs(x - y) < 1e30)) return 1e30;
    difference = std::max(difference, std::abs(x - y));
    largest = std::max(largest, std::abs(x));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace sounder::test
