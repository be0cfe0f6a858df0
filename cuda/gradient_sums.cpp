#include "gradient_sums.hpp"

#include <algorithm>

namespace sounder::cuda {

GradientSums::GradientSums(const std::vector<Device*>& devices, ServerPlacement placement, const Parameters& parameters)
    : parameters_(parameters), floats_(parameters.memory().floats()), servers_(devices, placement, 2 * floats_) {
  for (Device* const device : devices) {
    memory_.push_back(device->allocate(Where::device, bytes()));
    vectors_.push_back(static_cast<float*>(memory_.back().get()));
  }
}

void GradientSums::clear(std::size_t device, Stream& stream) {
  stream.clear(vectors_[device], bytes());
  stream.wait();
}

Cells GradientSums::cells(std::size_t device, const Cells& parameters) const {
  Cells cells = parameters;
  std::ranges::copy(parameters_.cells(vectors_[device]).write, cells.write);
  return cells;
}

Gathered GradientSums::bring() {
  servers_.reduce(vectors_);
  float* const sums = servers_.collect(vectors_);
  return {.sums = parameters_.cells(sums), .decays = parameters_.cells(sums + floats_)};
}

}  // namespace sounder::cuda
