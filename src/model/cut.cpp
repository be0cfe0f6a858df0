#include <sounder/model/cut.hpp>

#include <cmath>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "model/families.hpp"

namespace sounder::cut {

int labels_of(const Dataset& data) {
  const Examples examples = data.examples();
  for (std::size_t i = 0; i < examples.count; ++i) {
    const Example x = examples[i];
    if (!x.ids || !x.values || x.size < 1 || x.size > 2)
      throw Error(fmt::format("--model cut needs terminals (one id) and edges (two), but {} holds an example of {} {}",
                              data.name(), x.size, x.values ? "ids" : "ids without values"));
    if (!(x.label >= 0 && x.label < kMostLabels && x.label == std::floor(x.label)))
      throw Error(fmt::format("--model cut needs labels 0 to {}, but {} holds label {}", kMostLabels - 1, data.name(), x.label));
  }
  return static_cast<int>(std::max(1., data.sums().highest_label)) + 1;
}

void initialize(Parameters& parameters, int labels) {
  for (std::size_t row = 0; row < parameters.layout().shape(0).rows; ++row) {
    const auto vertex = parameters.row(0, row);
    const auto used = std::min(vertex.size(), static_cast<std::size_t>(labels));
    std::fill_n(vertex.begin(), used, 1.f / static_cast<float>(labels));
  }
}

double default_step(const Dataset& data) {
  const double sum = data.sums().first_values;
  return sum > 0 ? 0.25 * static_cast<double>(data.all_examples()) / sum : 1;
}

void project_to_simplex(float* x, int n) {
  double shift = -HUGE_VAL;
  for (int kept = n + 1;;) {
    double sum = 0;
    int above = 0;
    for (int k = 0; k < n; ++k)
      if (static_cast<double>(x[k]) > shift) sum += static_cast<double>(x[k]), ++above;
    if (above == 0 || above >= kept) break;  // none: not a number among them; more: rounding, it would go on for ever
    kept = above;
    shift = (sum - 1) / above;
  }
  for (int k = 0; k < n; ++k) x[k] = static_cast<float>(std::max(static_cast<double>(x[k]) - shift, 0.));
}

}  // namespace sounder::cut

namespace sounder::families {

Kernel cut(const Dataset& data, RuleName rule) {
  const int labels = cut::labels_of(data);
  return labels == 2 ? make_kernel(BoxCut{}, data, "cut", rule) : make_kernel(SimplexCut{.labels = labels}, data, "cut", rule);
}

}  // namespace sounder::families
