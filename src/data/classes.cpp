// Classes found in one pass over the labels; there are few, so that a sorted list is as good as a hash table.
#include "classes.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

constexpr std::size_t kMostClasses = 1024;

float index_of(std::span<const float> classes, float label) {
  return static_cast<float>(std::lower_bound(classes.begin(), classes.end(), label) - classes.begin());
}

}  // namespace

std::vector<float> distinct_labels(std::span<const float> labels) {
  std::vector<float> classes;
  for (const float given : labels) {
    const float label = given + 0.f;  // -0 is 0
    const auto at = std::lower_bound(classes.begin(), classes.end(), label);
    if (at != classes.end() && *at == label) continue;
    classes.insert(at, label);
    if (classes.size() > kMostClasses) break;
  }
  return classes;
}

void number_classes(Columns& columns, std::vector<float> classes) {
  if (classes.size() > kMostClasses)
    throw Error(
        fmt::format("{}: there are more than {} classes; if the labels are numbers, use a model for "
                    "regression (--model squared)",
                    columns.name, kMostClasses));
  for (float& label : columns.labels) label = index_of(classes, label);
  columns.classes = std::move(classes);
}

void renumber_classes(Columns& columns, std::span<const float> known, std::string_view name, std::size_t first) {
  std::vector<float> indices;  // of the known classes, by own index
  for (const float label : columns.classes) {
    const bool found = std::binary_search(known.begin(), known.end(), label);
    indices.push_back(found ? index_of(known, label) : -1.f);
  }
  for (std::size_t i = 0; i < columns.examples(); ++i) {
    const auto own = static_cast<std::size_t>(columns.labels[i]);
    if (indices[own] < 0)
      throw Error(
          fmt::format("{}: example {} has the label {}, which {} does not hold; train on examples of that "
                      "class too, or leave them out here",
                      columns.name, first + i + 1, columns.classes[own], name));
    columns.labels[i] = indices[own];
  }
  columns.classes.assign(known.begin(), known.end());
}

}  // namespace sounder
