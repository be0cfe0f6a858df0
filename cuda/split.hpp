// Placement `split`: examples are dealt to CPU and GPU by the rows of one table, so that each of its rows is trained by one side alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/train/backend.hpp>
#include <sounder/train/chunk_queue.hpp>

namespace sounder::cuda {

/// A training set in an order in which the examples of neighbouring rows of a table stand together, and where it may be cut.
class GroupedData {
 public:
  /// Throws Error where an example does not touch exactly one row of `table`. `kernel` must have list().
  GroupedData(const Kernel& kernel, const Dataset& data, std::size_t table);

  /// All before it is the CPU's, all behind it the GPU's.
  struct Cut {
    std::size_t examples = 0, rows = 0;
  };
  /// Ascending, from nothing to everything. No row has examples on both sides of a cut, and no block of the parameters
  /// (kBlockFloats) rows on both.
  std::span<const Cut> cuts() const { return cuts_; }
  const Dataset& data() const { return *data_; }

 private:
  std::optional<Dataset> data_;
  std::vector<Cut> cuts_;
};

/// The cut at which the slower side ends first: least max(examples / cpu, others / gpu). Rates in examples a second, above 0.
/// Each side gets something where there are two cuts' worth of it.
std::size_t best_cut(std::span<const GroupedData::Cut> cuts, double cpu, double gpu);

/// The examples that begin with number `first`.
Examples tail(Examples examples, std::size_t first);

/// Deals the chunks of a run. Between epochs the cut moves to where, at the rates of the epoch before, both sides end together.
class Dealer {
 public:
  /// `both`: else the GPU trains everything.
  Dealer(const Kernel& kernel, const Dataset& data, std::size_t table, bool both);

  const Dataset& data() const { return grouped_.data(); }
  /// What the GPU has in this epoch.
  const GroupedData::Cut& cut() const { return grouped_.cuts()[at_]; }
  std::size_t rows() const { return grouped_.cuts().back().rows; }

  /// Opens the queues of both sides for the round that `whole` is open for, of which they take as large a part of an epoch.
  void open(const Round& round, ChunkQueue& whole, int threads);
  /// Of data().
  ChunkQueue& cpu() { return cpu_->queue; }
  /// Of the tail() of data() behind the cut.
  ChunkQueue& gpu() { return gpu_->queue; }
  /// A stream has stepped on so many examples. Called by any thread.
  void stepped(std::size_t examples) { gpu_->count(examples); }
  /// Both sides have ended: how long each was at work.
  void close(double cpu_seconds, double gpu_seconds);

 private:
  /// The chunks of one side. It passes on what the whole queue is asked between chunks, and takes as many chunks of that as
  /// its own are done, so that progress, stops and divergences are seen there as ever.
  class Side final : public Watch {
   public:
    Side(Range examples, bool counts_chunks, ChunkQueue& whole, std::atomic<std::size_t>& done);
    void begin() override { whole_.check({}); }
    bool good(const Range& done, const Cells* own) override;
    void count(std::size_t examples);
    std::size_t examples() const { return examples_.load(std::memory_order_relaxed); }

    ChunkQueue queue;

   private:
    const std::size_t first_;
    const bool counts_chunks_;  ///< CPU workers tell of each chunk, streams of the last one of a segment
    ChunkQueue& whole_;
    std::atomic<std::size_t>& done_;
    // Written by: the workers of the side. Read by: close(). Order: relaxed; a count alone.
    std::atomic<std::size_t> examples_{0};
  };

  void deal(const Round& round, ChunkQueue& whole);

  GroupedData grouped_;
  bool both_;
  std::size_t at_ = 0;  ///< of the cuts
  int epoch_ = -1;
  std::size_t begun_ = 0;  ///< chunks of the whole queue that the epoch's rounds had so far
  std::optional<Side> cpu_, gpu_;
  // Examples of the round that are done. Written by: the workers of both sides. Read by: them. Order: relaxed; a count alone.
  std::atomic<std::size_t> done_{0};
  ChunkQueue* whole_ = nullptr;               ///< of the round
  double cpu_seconds_ = 0, gpu_seconds_ = 0;  ///< at work in this epoch
};

}  // namespace sounder::cuda
