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
  /// The rows of the table `owned`, if given, are trained by one side each: they are handed over, not exchanged. `storage`: of rows; tables of
  /// one cell a row stay floats, and so do all where there are owned rows.
  Mirror(Device& device, Parameters& master, MergeRule rule, std::optional<std::size_t> owned = {}, StorageName storage = StorageName::f32);

  /// The addresses that kernels train on.
  const Cells& cells() const { return cells_; }
  /// Takes the master over as it is, but for owned rows. No kernel runs.
  void refresh();
  /// Carries the movements of both sides over, in both directions, while they go on; not those of owned rows. `share`: of the GPU in
  /// the updates so far. Called by one thread at a time.
  void reconcile(float share);
  /// The master becomes what the GPU alone has trained, to the bit. A refresh must come before the next exchange. Rows of floats.
  void hand_all_to_host();
  /// Rows [first, last) of the owned table go to the other side, bit by bit. Their side does not train.
  void hand_to_device(std::size_t first, std::size_t last);
  void hand_to_host(std::size_t first, std::size_t last);

  /// That an exchange reads on either side.
  std::size_t bytes_exchanged() const { return exchanged_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Exchanged>& next_parts();

  Parameters& master_;
  std::optional<std::size_t> owned_;
  std::size_t bytes_ = 0, exchanged_ = 0;
  std::shared_ptr<void> memory_, states_, left_;
  std::vector<Exchanged> parts_;  ///< neighbouring tables of the same storage, without owned ones
  Cells cells_;
  std::uint32_t exchanges_ = 0;
  std::unique_ptr<Stream> stream_;
};

}  // namespace sounder::cuda
