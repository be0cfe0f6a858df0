// Windows of ranks that are threads of one process: shared memory, touched by relaxed atomics.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "transport/window.hpp"

namespace sounder::mpi {

class InprocWindows {
 public:
  explicit InprocWindows(int ranks) : opened_by_(static_cast<std::size_t>(ranks)) {}
  /// The next window of this rank, see Transport::open_window.
  std::unique_ptr<Window> open(int rank, std::span<const float> own, std::size_t counts);

  struct Part;
  using Parts = std::vector<std::unique_ptr<Part>>;  ///< by rank

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Parts>> windows_;  // guarded by mutex_; who opened a window keeps its parts
  std::vector<std::size_t> opened_by_;           // guarded by mutex_; windows, by rank
};

}  // namespace sounder::mpi
