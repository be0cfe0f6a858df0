// Graph cuts: the form of the generated image, its exact optimum, the same graph from a file, what is refused.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/dataset.hpp>
#include <sounder/data/generate.hpp>
#include <sounder/data/load.hpp>

#include "data/files.hpp"
#include "data/min_cut.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Labels = std::vector<std::uint32_t>;

constexpr LoadOptions kCut{.format = Format::cut};

/// What the terminals ask for, by id.
Labels terminals(const Columns& graph) {
  Labels labels;
  for (std::size_t i = 0; i < graph.examples(); ++i)
    if (graph.offsets[i + 1] - graph.offsets[i] == 1) labels.push_back(static_cast<std::uint32_t>(graph.labels[i]));
  return labels;
}

/// The least cost over all labellings of few vertices.
double least_cost(const Columns& graph, std::uint32_t vertices) {
  double least = 1e300;
  for (std::uint32_t bits = 0; bits < 1u << vertices; ++bits) {
    Labels labels;
    for (std::uint32_t v = 0; v < vertices; ++v) labels.push_back(bits >> v & 1);
    least = std::min(least, cost_of_cut(graph, labels));
  }
  return least;
}

std::size_t differences(const Labels& a, const Labels& b) {
  std::size_t count = 0;
  for (std::size_t v = 0; v < a.size(); ++v) count += a[v] != b[v] ? 1 : 0;
  return count;
}

std::string refused(std::string_view text, const LoadOptions& options = kCut) {
  const TempFile file(text);
  std::string message = message_of([&] { (void)load(file.path(), options); });
  if (const auto at = message.find(file.path()); at != std::string::npos)
    message.replace(at, file.path().size(), "FILE");
  return message;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("grid-cut: a terminal a pixel, an edge between neighbours, and nothing else") {
    const Columns graph = generate("grid-cut", {{"width", 7}, {"height", 5}, {"smooth", 0.75}});
    std::set<std::uint32_t> pixels;
    std::set<std::pair<std::uint32_t, std::uint32_t>> edges;
    for (std::size_t i = 0; i < graph.examples(); ++i) {
      const std::size_t begin = graph.offsets[i], size = graph.offsets[i + 1] - begin;
      const std::uint32_t u = graph.ids[begin];
      if (size == 1) {
        pixels.insert(u);
        CHECK(graph.values[begin] >= 0.5f);
        CHECK(graph.values[begin] <= 1.5f);
        continue;
      }
      REQUIRE(size == 2);
      const std::uint32_t v = graph.ids[begin + 1];
      CHECK((v == u + 7 || (v == u + 1 && v % 7 != 0)));
      CHECK(graph.values[begin] == 0.75f);
      CHECK(graph.values[begin + 1] == 0.75f);
      CHECK(graph.labels[i] == 0);
      edges.emplace(u, v);
    }
    CHECK(pixels.size() == 35);
    CHECK(*pixels.rbegin() == 34);
    CHECK(edges.size() == 6 * 5 + 7 * 4);
    CHECK(graph.examples() == 35 + 58);
    CHECK(graph.classes.empty());
  }

  TEST_CASE("grid-cut: discs in the middle, of which noise changes its share") {
    const Labels truth = terminals(generate("grid-cut", {{"noise", 0}, {"width", 100}, {"height", 60}}));
    CHECK(truth == terminals(generate("grid-cut", {{"noise", 0}, {"width", 100}, {"height", 60}, {"seed", 2}})));
    CHECK(std::equal(truth.begin(), truth.end(), truth.rbegin()));
    const auto inside = std::count(truth.begin(), truth.end(), 1u);
    CHECK(std::abs(static_cast<double>(inside) - 3.14159 * 15 * 15) < 15);
    const Labels noisy = terminals(generate("grid-cut", {{"noise", 0.3}, {"width", 100}, {"height", 60}}));
    CHECK(std::abs(static_cast<double>(differences(truth, noisy)) / 6000 - 0.3) < 0.024);  // 4 standard deviations
    const Labels rings = terminals(generate("grid-cut", {{"noise", 0}, {"labels", 4}, {"width", 60}, {"height", 60}}));
    CHECK(std::set(rings.begin(), rings.end()) == std::set<std::uint32_t>{0, 1, 2, 3});
    CHECK(rings[30 * 60 + 30] == 3);
    const Labels any = terminals(generate("grid-cut", {{"noise", 0.5}, {"labels", 3}, {"width", 50}}));
    CHECK(*std::max_element(any.begin(), any.end()) == 2);
  }

  TEST_CASE("grid-cut: maximum flow finds the least cost of all labellings, and a labelling that has it") {
    for (double seed = 1; seed <= 12; ++seed)
      for (const auto& [width, height] : {std::pair(4.0, 3.0), {2.0, 6.0}, {12.0, 1.0}, {1.0, 1.0}}) {
        const auto vertices = static_cast<std::uint32_t>(width * height);
        const Columns graph = generate(
            "grid-cut", {{"width", width}, {"height", height}, {"noise", 0.4}, {"seed", seed}, {"smooth", seed / 8}});
        const MinCut cut = min_cut(graph, vertices);
        CHECK(cut.cost == doctest::Approx(least_cost(graph, vertices)).epsilon(1e-9));
        CHECK(cost_of_cut(graph, cut.labels) == doctest::Approx(cut.cost).epsilon(1e-9));
      }
    // What a cut that counts every edge by half finds is not the least.
    const auto image = [](double smooth) {
      return generate("grid-cut", {{"width", 4}, {"height", 3}, {"noise", 0.5}, {"smooth", smooth}});
    };
    CHECK(cost_of_cut(image(0.4), min_cut(image(0.2), 12).labels) > 1.01 * least_cost(image(0.4), 12));
  }

  TEST_CASE("grid-cut: the best cut is nearer to the image than what is seen") {
    const std::map<std::string, double> size{{"width", 24}, {"height", 24}};
    auto clean = size;
    clean["noise"] = 0;
    const Columns graph = generate("grid-cut", size), still = generate("grid-cut", clean);
    const Labels truth = terminals(still);
    const MinCut cut = min_cut(graph, 24 * 24);
    CHECK(2 * differences(cut.labels, truth) < differences(terminals(graph), truth));
    CHECK(cut.cost < cost_of_cut(graph, truth));
    CHECK(min_cut(still, 24 * 24).cost <= cost_of_cut(still, truth));
  }

  TEST_CASE("cut: the same graph from a file, and through a dataset") {
    const Columns graph = generate("grid-cut", {{"width", 9}, {"height", 8}, {"labels", 3}});
    std::string text = "# label u:strength, or 0 u:weight v:weight\n";
    for (std::size_t i = 0; i < graph.examples(); ++i) {
      text += fmt::format("{}", graph.labels[i]);
      for (std::size_t k = graph.offsets[i]; k < graph.offsets[i + 1]; ++k)
        text += fmt::format(" {}:{}", graph.ids[k], graph.values[k]);
      text += "\n";
    }
    const Columns read = load(TempFile(text).path(), kCut);
    CHECK(read.ids == graph.ids);
    CHECK(read.values == graph.values);
    CHECK(read.offsets == graph.offsets);
    CHECK(read.labels == graph.labels);
    const Dataset data = Dataset::train(read);
    CHECK(data.features() == 72);
    CHECK(data.digest() == Dataset::train(graph).digest());
    CHECK(load(TempFile("1 3:1\n0 3:1 4:1\n").path(), kCut).values == std::vector<float>{1, 1, 1});  // never left out
    CHECK(load("synthetic:grid-cut,width=3,height=2", kCut).examples() == 6 + 7);
  }

  TEST_CASE("cut: what is refused, and where") {
    CHECK(refused("1 5:0.5\n0 5:2 6:2\n3 6:0\n") == "");
    CHECK(contains(refused("1 5:0.5\n0\n"),
                   "FILE:2: 0 ids in one example; give a terminal as label u:strength, an edge "
                   "as 0 u:weight v:weight"));
    CHECK(contains(refused("0 1:1 2:1 3:1\n"), "FILE:1: 3 ids in one example"));
    CHECK(contains(refused("0 1:1 2:2\n"), "FILE:1: an edge needs the label 0 and the same weight twice"));
    CHECK(contains(refused("1 1:1 2:1\n"), "FILE:1: an edge needs the label 0 and the same weight twice"));
    CHECK(contains(refused("0 1:-1 2:-1\n"), "FILE:1: the negative weight -1; graph cuts need 0 or more"));
    CHECK(contains(refused("1 1:-0.5\n"), "FILE:1: the negative weight -0.5"));
    for (const char* label : {"-1", "1.5", "1024", "x"})
      CHECK(contains(refused(fmt::format("0 1:1\n{} 1:1\n", label)),
                     fmt::format("FILE:2: label \"{}\" is not a whole number from 0 to 1023", label)));
    CHECK(contains(refused("1 1:1\n", {.format = Format::cut, .transform = TransformName::log1p}),
                   "--transform is for labelled examples; the weights of graphs stay as they are"));
    CHECK(contains(refused("1 1:1\n", {.format = Format::cut, .normalize = NormalizeName::l2}), "--normalize is for"));
    const auto refusal = [](const std::string& source, const LoadOptions& options) {
      return message_of([&] { (void)load(source, options); });
    };
    CHECK(contains(refusal("synthetic:grid-cut", {}),
                   "synthetic:grid-cut holds the terminals and edges of a graph; use a "
                   "model for graph cuts (--model cut)"));
    CHECK(contains(refusal("synthetic:cold", kCut), "synthetic:cold holds labelled examples"));
    CHECK(contains(refusal("synthetic:grid-cut,labels=1", kCut), "labels=1 is not a whole number from 2 to 1024"));
    CHECK(contains(refusal("synthetic:grid-cut,noise=0.6", kCut), "noise=0.6 is not a number from 0 to 0.5"));
    CHECK(contains(refusal("synthetic:grid-cut,width=65536,height=65536", kCut), "GiB of memory"));
    CHECK(contains(refusal("synthetic:grid-cut,part=test", kCut), "there is no key part"));
  }
}
