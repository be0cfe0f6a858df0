// Row 3 (Hogwild!, figure 3c): entity resolution as a cut with more labels than a file may have.
#include <set>

#include <sounder/data/random.hpp>
#include <sounder/model/cut.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/train/fit.hpp>

#include "program.hpp"

using namespace sounder;

namespace {

/// Mentions of entities: every vertex has a true label. A terminal asks for it, or in one of four for a random one;
/// each mention has edges to ten others, which are of the same entity unless the graph has no other.
Columns mentions(std::uint32_t vertices, std::uint32_t labels) {
  constexpr std::uint32_t kEdges = 10, kGroup = 12;  // the last: mentions of an entity
  Columns columns;
  columns.name = "mentions";
  columns.offsets.push_back(0);
  Random random(1);
  const auto add = [&](std::initializer_list<std::uint32_t> ids, float value, std::uint32_t label) {
    columns.ids.insert(columns.ids.end(), ids);
    columns.values.insert(columns.values.end(), ids.size(), value);
    columns.labels.push_back(static_cast<float>(label));
    columns.offsets.push_back(columns.ids.size());
  };
  for (std::uint32_t u = 0; u < vertices; ++u) {
    const std::uint32_t entity = u / kGroup * (labels / (vertices / kGroup + 1));
    const bool wrong = random.below(4) == 0;
    add({u}, 1.f, u + 1 == vertices ? labels - 1 : wrong ? static_cast<std::uint32_t>(random.below(labels)) : entity);
    std::set<std::uint32_t> others;
    for (std::uint32_t k = 0; k < kEdges; ++k)
      others.insert(std::min(vertices - 1, u / kGroup * kGroup + static_cast<std::uint32_t>(random.below(kGroup))));
    for (const std::uint32_t v : others)
      if (v > u) add({u, v}, 0.25f, 0);
  }
  return columns;
}

}  // namespace

int main(int argc, char** argv) {
  return papers::main_of(argc, argv, "papers_simplex MODE THREADS LABELS VERTICES EPOCHS", [](papers::Words words) {
    Options options{.mode = words.mode(), .threads = words.number(1), .decay = 0.9, .telemetry = TelemetryName::off};
    const int labels = words.number(2);
    if (labels > cut::kMostLabels) throw Error(fmt::format("{} labels are too many: give up to {}", labels, cut::kMostLabels));
    const auto vertices = words.number(std::uint32_t{12});
    options.epochs = words.number(1);
    const auto data = Dataset::train(mentions(vertices, static_cast<std::uint32_t>(labels)));
    const auto backend = shm::make_backend(options);
    const Result result = fit(SimplexCut{.labels = labels}, data, options, *backend);
    papers::print({{"seconds", result.seconds}, {"start", result.curve.front().train_loss}, {"loss", result.curve.back().train_loss}});
  });
}
