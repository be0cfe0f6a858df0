// A copy of the examples of a dataset in another order, so that what runs in one piece lies in one piece.
#pragma once

#include <cstdint>
#include <vector>

#include <sounder/data/dataset.hpp>

namespace sounder::shm {

/// As large as the data.
class Reordered {
 public:
  Reordered() = default;
  /// `order`: which example comes at each place.
  Reordered(const Examples& all, const std::vector<std::uint32_t>& order) : width_(all.width) {
    if (all.offsets) offsets_.push_back(0);
    for (const std::uint32_t i : order) {
      const Example x = all[i];
      if (x.ids) ids_.insert(ids_.end(), x.ids, x.ids + x.size);
      if (x.values) values_.insert(values_.end(), x.values, x.values + x.size);
      if (all.offsets) offsets_.push_back(offsets_.back() + x.size);
      labels_.push_back(x.label);
    }
  }

  Examples examples() const {
    const auto data = [](const auto& array) { return array.empty() ? nullptr : array.data(); };
    return {.offsets = data(offsets_), .ids = data(ids_), .values = data(values_), .labels = labels_.data(), .width = width_, .count = labels_.size()};
  }

 private:
  std::vector<std::uint64_t> offsets_;
  std::vector<std::uint32_t> ids_;
  std::vector<float> values_, labels_;
  std::size_t width_ = 0;
};

}  // namespace sounder::shm
