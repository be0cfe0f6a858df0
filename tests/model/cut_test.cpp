// Graph cut: against the exact least cut; projections; gradients inside of the sets.
#include <cmath>
#include <numeric>

#include <doctest/doctest.h>

#include <sounder/data/generate.hpp>
#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/model/cut.hpp>
#include <sounder/train/evaluate.hpp>

#include "data/min_cut.hpp"
#include "model/gradient.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

Columns grid(double width, double height, double labels, double smooth, double noise = 0.2, double seed = 1) {
  Columns graph = generate("grid-cut", {{"width", width}, {"height", height}, {"labels", labels}, {"smooth", smooth},
                                        {"noise", noise}, {"seed", seed}});
  graph.name = "grid";
  return graph;
}

/// By sorting (Duchi, Shalev-Shwartz, Singer, Chandra 2008, figure 1), in double.
std::vector<double> projected_by_sorting(const std::vector<float>& x) {
  std::vector<double> sorted(x.begin(), x.end());
  std::sort(sorted.rbegin(), sorted.rend());
  double sum = 0, shift = 0;
  for (std::size_t j = 0; j < sorted.size(); ++j) {
    sum += sorted[j];
    const double candidate = (sum - 1) / static_cast<double>(j + 1);
    if (sorted[j] > candidate) shift = candidate;
  }
  std::vector<double> result;
  for (const float v : x) result.push_back(std::max(0., static_cast<double>(v) - shift));
  return result;
}

/// What the labels of the vertices, as predict() gives them at the terminals, cost.
double cost_of(const Kernel& kernel, const Parameters& parameters, const Columns& graph) {
  const Dataset data = Dataset::train(graph, 1);
  SerialTeam alone;
  const std::vector<double> predictions = predict(kernel, parameters, data, alone);
  std::vector<std::uint32_t> labels(data.features());
  const Examples examples = data.examples();
  for (std::size_t i = 0; i < examples.count; ++i)
    if (examples[i].size == 1)
      labels[data.numbering().original(examples[i].ids[0])] = static_cast<std::uint32_t>(predictions[i]);
  return cost_of_cut(graph, labels);
}

/// Steps out of the box and stays there.
struct Unbounded : BoxCut {
  template <class V>
  void step(V& view, const Example& x) const {
    if (x.size == 1) view.descend(vertices, x.ids[0], view.read(vertices, x.ids[0]), 0.f, x.label > 0 ? -1.f : 1.f);
  }
};
/// Pushes the ends of an edge apart.
struct Repelled : BoxCut {
  template <class V>
  void step(V& view, const Example& x) const {
    if (x.size == 1) return BoxCut::step(view, x);
    const float u = view.read(vertices, x.ids[0]), v = view.read(vertices, x.ids[1]);
    const float force = u > v ? -x.values[0] : x.values[0];
    view.descend(vertices, x.ids[0], u, 0.f, force);
    view.descend(vertices, x.ids[1], v, 0.f, -force);
  }
};

/// Every vertex inside of its set, hardly any two equal: multiples of 2^-10.
Parameters inside(const Kernel& kernel, int labels) {
  Parameters at(kernel.layout);
  for (std::size_t row = 0; row < kernel.layout.shape(0).rows; ++row) {
    const float shift = static_cast<float>(row % 61) / 256;
    const auto vertex = at.row(0, row);
    if (labels == 2) {
      vertex[0] = 0.375f + shift;
    } else {  // their sum is 1
      vertex[0] = 0.125f + shift;
      vertex[1] = 0.5f - shift * 1.25f;
      vertex[2] = 0.375f + shift * 0.25f;
    }
  }
  return at;
}

std::size_t outside_box(const Kernel& kernel, const Dataset& data, Mode mode) {
  std::size_t count = 0;
  for (const float x : weights_of(train(kernel, data, options_for(mode, 3, 2)).parameters)) count += x < 0 || x > 1;
  return count;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("cut: two labels end at the least cut, in every mode") {
    for (const int seed : {1, 2}) {
      const Columns graph = grid(12, 10, 2, 0.375, 0.2, seed);
      const Dataset data = Dataset::train(graph, 1);
      const double least = min_cut(graph, 120).cost;
      const Kernel kernel = builtin_kernel({.model = ModelName::cut}, data);
      for (const auto& mode : kModes) {
        CAPTURE(seed);
        CAPTURE(std::string(mode.name));
        Options options = options_for(mode.value, 120, 2);
        options.decay = 0.95;
        const Result result = train(kernel, data, options);
        const double relaxed = result.curve.back().train_loss * static_cast<double>(data.size());
        CHECK(relaxed > least - 1e-4);
        CHECK(relaxed < 1.01 * least);
        CHECK(cost_of(kernel, result.parameters, graph) == doctest::Approx(least).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("cut: two labels on the simplex are two labels in the box, at twice the step") {
    const Dataset data = Dataset::train(grid(12, 10, 2, 0.375), 1);
    const Kernel box = make_kernel(BoxCut{}, data, "box");
    const Kernel simplex = make_kernel(SimplexCut{.labels = 2}, data, "simplex");
    CHECK(simplex.default_step == 2 * box.default_step);
    Parameters in_box(box.layout), on_simplex(simplex.layout);
    Random random(1);
    for (std::size_t row = 0; row < data.features(); ++row) {
      const float x = static_cast<float>(random.below(1025)) / 1024;
      in_box.row(0, row)[0] = on_simplex.row(0, row)[1] = x;
      on_simplex.row(0, row)[0] = 1 - x;
    }
    SerialTeam alone;
    const Evaluation a = evaluate(box, in_box, data, alone), b = evaluate(simplex, on_simplex, data, alone);
    CHECK(a.loss == doctest::Approx(b.loss).epsilon(1e-6));
    CHECK(a.metric == b.metric);
    const auto step = [&](const Kernel& kernel, Parameters& at, float rate) {
      kernel.step_of(AccessKind::relaxed)(kernel.model.get(), {.cells = at.cells(), .rate = rate}, data.examples(), 0, 20);
    };
    const std::vector<float> before = weights_of(in_box);
    step(box, in_box, 0.125f);
    step(simplex, on_simplex, 0.25f);
    CHECK(weights_of(in_box) != before);
    for (std::size_t row = 0; row < data.features(); ++row)
      CHECK(std::abs(in_box.row(0, row)[0] - on_simplex.row(0, row)[1]) < 1e-6f);
  }

  TEST_CASE("cut: more labels: without noise the cut is the picture; vertices stay on the simplex, padding at 0") {
    const Columns graph = grid(16, 16, 4, 0.01, 0);
    const Dataset data = Dataset::train(graph, 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::cut}, data);
    REQUIRE(kernel.layout.shape(0).width == 16);
    std::vector<std::uint32_t> truth(256);
    for (std::size_t i = 0; i < graph.examples(); ++i)
      if (graph.offsets[i + 1] - graph.offsets[i] == 1)
        truth[graph.ids[graph.offsets[i]]] = static_cast<std::uint32_t>(graph.labels[i]);
    for (const auto& mode : kModes) {
      CAPTURE(std::string(mode.name));
      const Result result = train(kernel, data, options_for(mode.value, 30, 2));
      CHECK(cost_of(kernel, result.parameters, graph) == doctest::Approx(cost_of_cut(graph, truth)).epsilon(1e-6));
      std::size_t outside = 0, padding = 0;
      for (std::size_t row = 0; row < data.features(); ++row) {
        const auto vertex = result.parameters.row(0, row);
        outside += std::abs(std::accumulate(vertex.begin(), vertex.end(), 0.f) - 1) > 1e-5f ||
                   *std::min_element(vertex.begin(), vertex.end()) < 0;
        for (std::size_t k = 4; k < 16; ++k) padding += vertex[k] != 0;
      }
      CHECK(padding == 0);
      if (mode.value == Mode::serial || mode.value == Mode::locked) CHECK(outside == 0);  // nobody writes in between
    }
  }

  TEST_CASE("cut: two thousand labels agree with their terminals where no edge says otherwise; more are refused") {
    Columns graph;
    graph.name = "many labels";
    graph.offsets = {0};
    for (std::uint32_t i = 0; i < 40; ++i) {
      graph.ids.push_back(i);
      graph.values.push_back(1);
      graph.labels.push_back(static_cast<float>(51 * i));
      graph.offsets.push_back(graph.ids.size());
    }
    const Dataset data = Dataset::train(graph, 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::cut}, data);
    CHECK(kernel.layout.shape(0).width == 2000);
    Options options = options_for(Mode::serial, 5);
    options.step = 1;
    CHECK(train(kernel, data, options).curve.back().train_loss < 1e-5);
    graph.labels[0] = 2048;
    CHECK_THROWS_AS(builtin_kernel({.model = ModelName::cut}, Dataset::train(graph, 1)), Error);
  }

  TEST_CASE("cut: the projection to the simplex is that by sorting") {
    Random random(2);
    for (const std::size_t n : {1u, 2u, 3u, 4u, 17u, 100u, 2048u})
      for (const double spread : {0.01, 1., 1e4}) {
        std::vector<float> x;
        for (std::size_t k = 0; k < n; ++k) x.push_back(static_cast<float>(spread * random.normal()));
        if (n > 4) x[3] = x[4];  // ties
        const std::vector<double> expected = projected_by_sorting(x);
        cut::project_to_simplex(x.data(), static_cast<int>(n));
        double worst = 0;
        for (std::size_t k = 0; k < n; ++k) worst = std::max(worst, std::abs(static_cast<double>(x[k]) - expected[k]));
        CAPTURE(n);
        CAPTURE(spread);
        CHECK(worst < 1e-7);
      }
    std::vector<float> bad{NAN, 1, HUGE_VALF};
    cut::project_to_simplex(bad.data(), 3);  // must end
    CHECK(std::isnan(bad[2]));
  }

  TEST_CASE("cut: inside of the set a step is the gradient of the objective; a mutant is found") {
    for (const int labels : {2, 3}) {
      CAPTURE(labels);
      const Dataset data = Dataset::train(grid(9, 5, labels, 0.5), 1);
      const Kernel kernel = builtin_kernel({.model = ModelName::cut}, data);
      const GradientReport report = GradientCheck(kernel, data, true, inside(kernel, labels))(data.size());
      CHECK(report.worst < kGradientTolerance);
      CHECK(report.strays == 0);
      CHECK(report.kinks * 20 < report.cells);
      CHECK(report.steepest > 0.1);
      if (labels > 2) continue;
      const Kernel repelled = make_kernel(Repelled{}, data, "repelled");
      CHECK(GradientCheck(repelled, data, true, inside(repelled, 2))(data.size()).worst > 10 * kGradientTolerance);
    }
  }

  TEST_CASE("cut: vertices end in the box; a mutant that does not project leaves it") {
    const Dataset data = small_set(ModelName::cut);
    const Kernel kernel = builtin_kernel({.model = ModelName::cut}, data), unbounded = make_kernel(Unbounded{}, data, "unbounded");
    for (const Mode mode : {Mode::serial, Mode::locked}) {
      CHECK(outside_box(kernel, data, mode) == 0);
      CHECK(outside_box(unbounded, data, mode) > 0);
    }
  }

  TEST_CASE("cut: examples that are neither terminals nor edges are refused") {
    for (const ModelName other : {ModelName::logistic, ModelName::mf})
      CHECK_THROWS_AS(builtin_kernel({.model = ModelName::cut}, small_set(other)), Error);
  }
}
