// The copy of the parameters that a GPU trains on, and its exchange with the master that CPU threads train on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <sounder/params/parameters.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

class Mirror {
 public:
  Mirror(Device& device, Parameters& master, MergeRule rule);

  /// The addresses that kernels train on.
  Cells cells() const { return master_.cells(mirror()); }
  /// Takes the master over as it is. No kernel runs.
  void refresh();
  /// Carries the movements of both sides over, in both directions, while they go on. `share`: of the GPU in the updates so far.
  /// Called by one thread at a time.
  void reconcile(float share);

 private:
  float* mirror() const { return static_cast<float*>(memory_.get()); }
  Exchanged all(float share) const;

  Parameters& master_;
  MergeRule rule_;
  std::size_t blocks_;
  std::shared_ptr<void> memory_, states_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace sounder::cuda
