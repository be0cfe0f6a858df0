// The interleaving of a run: written down while it happens (shm/record.hpp), and repeated on one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sounder/train/backend.hpp>

namespace sounder {

/// Who stepped on what, and in which order the cells were touched.
struct Recording {
  static constexpr int kMostWorkers = 256;
  static constexpr std::size_t kMostOperations = std::size_t{1} << 25;  ///< in all; one byte each

  struct Round {
    std::vector<std::vector<Range>> ranges;  ///< by worker: its pieces of the data, in order
    std::vector<std::uint8_t> order;         ///< the worker of each operation on a cell, in order
  };
  std::map<std::string, std::string> facts;  ///< what the run was asked to do, for who repeats it
  std::string digest;                        ///< of the weights at its end
  std::vector<Round> rounds;

  std::size_t operations() const;
};

/// About how many operations on cells an epoch has: a read for the prediction, a read and a write for the step, of
/// every strip that every example touches. Throws Error for a model without touches().
std::size_t operations_of_epoch(const Kernel& kernel, const Dataset& data);

/// Repeats a recording, which must outlive it, on the calling thread: each worker is a coroutine that touches its next
/// cell when the recording says so. All bits are those of the recorded run where kernel, data and start values are.
/// prepare() throws Error for a model that has no access `recorded`, run() for a round that the recording does not
/// fit. Needs a machine with ucontext; ThreadSanitizer cannot follow it.
std::unique_ptr<Backend> make_replay(const Recording& recording);

/// Writes a file: a line of magic, a line of JSON, the orders, and a checksum. Throws Error naming the path and the
/// reason.
void save(const Recording& recording, const std::string& path);
/// Throws Error if the file cannot be read, is no recording, or is damaged.
Recording load_recording(const std::string& path);

}  // namespace sounder
