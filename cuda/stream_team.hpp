// The streams of a device, which pull chunks of a queue as the threads of a team do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/train/chunk_queue.hpp>

#include "batch.hpp"
#include "chunk_feed.hpp"
#include "device/device.hpp"
#include "device_data.hpp"
#include "tasks.hpp"

namespace sounder::cuda {

/// What streams step with in all rounds of a run.
struct StreamJob {
  const Kernel* kernel = nullptr;
  const Dataset* data = nullptr;       ///< both outlive the run
  bool resident = true;                ///< the whole set comes to the device; else chunk by chunk
  ModelBytes model_bytes{};            ///< that the device needs beside examples
  std::size_t per_chunk = 0;           ///< examples of a chunk in the rounds to come, where that is known ahead
  StepProgram program;                 ///< how it steps, but for
  std::optional<BatchShape> batches{}; ///< a model that steps on mini-batches of this shape
  Cells cells;                         ///< of the parameters that it trains on, which stay there
  int workers = 1;                     ///< of all streams
  std::optional<int> at_once{};        ///< workers that the device runs at the same time, others wait their turn; unset: all
};

class StreamTeam {
 public:
  static constexpr std::size_t kAnyNumber = std::size_t{1} << 62;

  StreamTeam(Device& device, int streams);

  void prepare(const StreamJob& job);
  /// Starts all streams on the chunks of the queue, in segments of a few milliseconds, and returns. `skipped`: example 0 of the queue is this one
  /// of the data. `stepped`, if given, is told by any stream how many examples it has stepped on. join() must follow.
  void start(ChunkQueue& queue, float rate, std::size_t skipped = 0, std::function<void(std::size_t)> stepped = {});
  /// The same, with another program on other cells (see Segment::decays), and on so many chunks at most.
  void gather(ChunkQueue& queue, const StepProgram& program, const Cells& cells, std::ptrdiff_t decays, std::size_t most_chunks = kAnyNumber);
  /// Waits for all; their first error stays in `first`. Returns how many seconds the last one was at work.
  double join(std::exception_ptr& first);

  /// For what is not of a round.
  Stream& stream() { return *streams_[0]; }
  /// Taken by streams since prepare(). Any thread may ask.
  std::uint64_t examples() const { return examples_.load(std::memory_order_relaxed); }
  std::string remark() const;

 private:
  /// What a stream has taken of its queue.
  struct Taken {
    Segment segment;
    std::size_t chunks = 0, examples = 0;
    Range last;  ///< chunk
  };
  struct Work {
    ChunkQueue& queue;
    Segment common;
    const StepProgram& program;
    std::size_t skipped;
    std::function<void(std::size_t)> stepped;
    std::size_t most_chunks = kAnyNumber;
  };

  /// Streams at work: each has a worker at least.
  int drivers() const;
  Segment common(const ChunkQueue& queue, float rate, std::size_t skipped);
  void begin(Work work);
  void bring_examples(const ChunkQueue& queue);
  void make_feeds(std::size_t per_chunk);
  std::size_t reserve(std::size_t most);
  std::optional<Taken> take(const Work& work, std::size_t most, ChunkFeed* feed);
  void drive(std::size_t number, Work work);

  Device& device_;
  std::vector<std::unique_ptr<Stream>> streams_;
  StreamJob job_;
  std::optional<DeviceData> data_;
  std::vector<std::unique_ptr<ChunkFeed>> feeds_;   ///< of each stream at work, where data are not resident
  std::vector<std::unique_ptr<Batches>> batches_;   ///< of each stream, for models that need them
  std::shared_ptr<void> order_;                     ///< of the chunks, where data are resident
  std::vector<std::unique_ptr<Task>> tasks_;        ///< of a round
  std::vector<double> ends_;                        ///< seconds since begun_; one of each task
  Clock::time_point begun_;
  // Written by: the streams' tasks. Read by: the exchange and telemetry. Order: relaxed; a count alone.
  std::atomic<std::uint64_t> examples_{0};
  // Chunks of the round that are left to this team. Written and read by: the streams' tasks, and begin() before there are any. Order: relaxed; a
  // count alone, and what a chunk holds is ordered by the queue's round.
  std::atomic<std::size_t> allowed_{0};
};

}  // namespace sounder::cuda
