// What a server of a key-value store does with a push: shipped updaters, and what an own one is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace sounder::mpi {

/// Rows first, first + 1, ... first + count - 1 of a table. A dense range is one run; sparse rows are many, best ascending.
struct Run {
  std::uint32_t table = 0;
  std::uint32_t count = 0;
  std::uint64_t first = 0;

  friend bool operator==(const Run&, const Run&) = default;
};

/// The shape of one table of a store, in rows and floats.
struct KvTable {
  std::uint64_t rows = 0;
  int width = 1;       ///< of a row that is pulled
  int push_width = 0;  ///< of a row that is pushed (a gradient may carry more than a weight); 0: the same
};

/// The rows of a store that one server holds. An updater numbers them as they lie there, 0, 1, ... in each table: local rows.
class ShardRows {
 public:
  virtual ~ShardRows() = default;
  virtual std::size_t tables() const = 0;
  virtual std::uint64_t rows(std::size_t table) const = 0;  ///< that lie here
  virtual int width(std::size_t table) const = 0;
  virtual int push_width(std::size_t table) const = 0;
  /// A table of this shard, row by row; begins on 64 bytes, and whole blocks of 64 floats belong to it (the rest is padding).
  virtual std::span<float> floats(std::size_t table) = 0;
  /// The number of a local row in the whole table.
  virtual std::uint64_t whole_row(std::size_t table, std::uint64_t local) const = 0;

  std::span<float> row(std::size_t table, std::uint64_t local) {
    const auto floats_of_row = static_cast<std::size_t>(width(table));
    return floats(table).subspan(static_cast<std::size_t>(local) * floats_of_row, floats_of_row);
  }
};

/// One push, as a server gets it.
struct PushView {
  int worker = 0;
  std::uint64_t clock = 0;      ///< of the worker: it has completed so many
  std::uint64_t staleness = 0;  ///< updates of this shard by others since the worker last read it
  float rate = 0;               ///< that the values were made with
  std::uint64_t examples = 0;   ///< that the values were made from
  std::span<const Run> runs;    ///< local rows
  std::span<const float> values;  ///< rows of push_width floats, in the order of the runs
};

/// Called by one thread, or one at a time. With exact visibility a clock's pushes come together, once every worker has completed it:
/// begin_clock(c), apply(...) in the order of the workers (of one worker: in the order of its pushes), end_clock(c): the same calls
/// in the same order whatever the timing. Otherwise apply comes as pushes do, and begin_clock and end_clock never.
class Updater {
 public:
  /// Which floats of the shard a clock may change: what must be kept for those who still read the state before it.
  enum class Touches {
    pushed_blocks,  ///< those of the blocks of 64 floats that hold a pushed row
    everything,     ///< any
  };

  virtual ~Updater() = default;
  virtual void apply(ShardRows& shard, const PushView& push) = 0;
  virtual void begin_clock(ShardRows&, std::uint64_t /*clock*/) {}
  virtual void end_clock(ShardRows&, std::uint64_t /*clock*/) {}
  /// The worker was sent these rows, with these values.
  virtual void sent(ShardRows&, int /*worker*/, std::span<const Run>, std::span<const float> /*values*/) {}
  virtual Touches touches() const { return Touches::pushed_blocks; }
};

/// Makes the updater of one server. `workers`: who may push, ranks 0 ... workers - 1.
using UpdaterFactory = std::function<std::unique_ptr<Updater>(ShardRows& shard, int workers)>;

/// weights += values.
UpdaterFactory sum_updater();
/// The guarded sum of params/merge/guarded_sum.hpp, in blocks of 64 floats: a worker's own copy of a block is what it was last sent,
/// plus its push. Stable where several workers correct the same error over long rounds and the plain sum overshoots.
UpdaterFactory guarded_sum_updater();
/// weights += values / max(1, staleness) (Zhang, Gupta, Lian, Liu: Staleness-aware async-SGD, IJCAI 2016, equation 6).
UpdaterFactory scaled_updater();
/// weights += values - rate * lambda * g * g * (weights - base), g = -values / rate, base = what the worker was last sent (DC-ASGD-c,
/// Zheng et al., ICML 2017, equation 10). A push whose rate is 0 is added as it is.
UpdaterFactory delay_compensated_updater(float lambda);

}  // namespace sounder::mpi
