// Generated graph cuts: a noisy image of rings, to be smoothed.
#include <algorithm>
#include <cmath>

#include "generators.hpp"

namespace sounder {
namespace {

/// The label of a pixel before noise: k within the share 1 - k / labels of the largest circle that fits, else 0.
std::uint32_t true_label(const Settings& settings, std::uint32_t x, std::uint32_t y) {
  const double width = settings["width"], height = settings["height"], labels = settings["labels"];
  const double distance = std::hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) / (std::min(width, height) / 2);
  return static_cast<std::uint32_t>(std::min(labels - 1, std::floor(labels * std::max(0.0, 1 - distance))));
}

struct Graph {
  Columns columns;

  void add(std::initializer_list<std::uint32_t> ids, float value, std::uint32_t label) {
    columns.ids.insert(columns.ids.end(), ids);
    columns.values.insert(columns.values.end(), ids.size(), value);
    columns.labels.push_back(static_cast<float>(label));
    columns.offsets.push_back(columns.ids.size());
  }
};

}  // namespace

Columns generate_grid(const Settings& settings) {
  const std::uint32_t width = settings.count("width"), height = settings.count("height"),
                      labels = settings.count("labels");
  refuse_absurd(settings, settings["width"] * settings["height"] * (5 * 8 + 3 * 12));
  const auto smooth = static_cast<float>(settings["smooth"]);
  Graph graph;
  graph.columns.offsets.push_back(0);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      const std::uint32_t pixel = y * width + x;
      Random random = settings.random(Settings::Kind::pixel, pixel);
      std::uint32_t seen = true_label(settings, x, y);
      if (random.uniform() < settings["noise"])
        seen = static_cast<std::uint32_t>((seen + 1 + random.below(labels - 1)) % labels);
      graph.add({pixel}, static_cast<float>(0.5 + random.uniform()), seen);  // all different, so that no two cuts tie
      if (x + 1 < width) graph.add({pixel, pixel + 1}, smooth, 0);
      if (y + 1 < height) graph.add({pixel, pixel + width}, smooth, 0);
    }
  return std::move(graph.columns);
}

}  // namespace sounder
