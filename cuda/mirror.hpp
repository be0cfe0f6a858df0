// The copy of the parameters that a GPU trains on, and its exchange with the master that CPU threads train on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sounder/params/parameters.hpp>

#include "device/device.hpp"

namespace sounder::cuda {

class Mirror {
 public:
  /// The rows of the table `owned`, if given, are trained by one side each: they are handed over, not exchanged.
  Mirror(Device& device, Parameters& master, MergeRule rule, std::optional<std::size_t> owned = {});

  /// The addresses that kernels train on.
  Cells cells() const { return master_.cells(mirror()); }
  /// Takes the master over as it is, but for owned rows. No kernel runs.
  void refresh();
  /// Carries the movements of both sides over, in both directions, while they go on; not those of owned rows. `share`: of the GPU in
  /// the updates so far. Called by one thread at a time.
  void reconcile(float share);
  /// Rows [first, last) of the owned table go to the other side, bit by bit. Their side does not train.
  void hand_to_device(std::size_t first, std::size_t last);
  void hand_to_host(std::size_t first, std::size_t last);

  /// That an exchange reads on either side.
  std::size_t bytes_exchanged() const { return states_of_shared_ * kBlockFloats * sizeof(float); }
  std::size_t bytes() const { return bytes_; }

 private:
  /// Blocks that are exchanged; `states`: where theirs begin.
  struct Part {
    std::size_t first, last, states;
  };
  float* mirror() const { return static_cast<float*>(memory_.get()); }
  Exchanged of(const Part& part, float share) const;
  void add(std::size_t first, std::size_t last);

  Parameters& master_;
  const std::size_t bytes_;  ///< of all
  MergeRule rule_;
  std::optional<std::size_t> owned_;
  std::vector<Part> shared_;
  std::size_t states_of_shared_ = 0;
  std::shared_ptr<void> memory_, states_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace sounder::cuda
