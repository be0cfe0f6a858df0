#include "gradient_sums.hpp"

#include <algorithm>

namespace sounder::cuda {

GradientSums::GradientSums(Device& device, const Parameters& parameters)
    : parameters_(parameters),
      floats_(parameters.memory().floats()),
      device_(device.allocate(Where::device, bytes())),
      host_(device.allocate(Where::pinned, bytes())) {}

void GradientSums::clear(Stream& stream) {
  stream.clear(device_.get(), bytes());
  stream.wait();
}

Cells GradientSums::cells(const Cells& parameters) const {
  Cells cells = parameters;
  std::ranges::copy(parameters_.cells(on_device()).write, cells.write);
  return cells;
}

Gathered GradientSums::bring(Stream& stream) {
  stream.copy(on_host(), on_device(), bytes());
  stream.wait();
  return {.sums = parameters_.cells(on_host()), .decays = parameters_.cells(on_host() + floats_)};
}

}  // namespace sounder::cuda
