// The data of one shard, and what they hold: what pushes change and reads are served from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sounder/mpi/updater.hpp>
#include <sounder/train/histogram.hpp>

#include "protocol/frame.hpp"
#include "protocol/held_clocks.hpp"
#include "protocol/message.hpp"
#include "protocol/past_states.hpp"
#include "protocol/row_stamps.hpp"
#include "protocol/rows.hpp"
#include "protocol/shard_map.hpp"
#include "protocol/witness.hpp"

namespace sounder::mpi {

/// Data, witness and canary move together: no read comes between.
class ShardState {
 public:
  struct Options {
    int server = 0;
    int workers = 1;
    bool stamps = false;            ///< rows remember when they changed
    std::uint64_t kept_clocks = 0;  ///< exact: of older states
    UpdaterFactory updater{};       ///< none: sum_updater()
  };

  /// `initial`: every row of every table of the store, packed; this shard's are taken.
  ShardState(const ShardMap& map, const Options& options, std::span<const float> initial);

  /// One push, as it comes.
  void apply(const Frame& push);
  /// Exact: clock number applied(), in the order of the workers.
  void apply_clock(const HeldClocks::Clock& workers);
  std::uint64_t applied() const { return applied_; }
  /// A worker's first `clocks` clocks are complete with the push `sequence`.
  void mark(int worker, std::uint64_t clocks, std::uint64_t sequence) { now_.witness.marked(worker, clocks, sequence); }

  StateView newest() const { return {applied_, now_, {}}; }
  /// Exact: the state of the first `due` clocks.
  StateView at(std::uint64_t due) const { return past_.at(due, applied_, now_); }
  /// Copies a run of its rows to the front of `out`; returns how many floats.
  std::size_t read(const StateView& state, const Run& run, std::span<float> out) const {
    const auto [first, count] = rows_.place(run);
    if (state.before.empty())
      std::copy_n(rows_.all().data() + first, count, out.data());
    else
      read_before(rows_.all(), first, out.first(count), state.before);
    return count;
  }
  /// The worker was sent these rows, with these values.
  void sent(int worker, std::span<const Run> runs, std::span<const float> values);

  const StoredRows& rows() const { return rows_; }
  const RowStamps& stamps() const { return stamps_; }
  const Witness& witness() const { return now_.witness; }
  const std::vector<Run>& everything() const { return everything_; }
  /// The rows that a push or pull names. Throws Error if they are not here.
  std::span<const Run> runs_of(const Header& header, Reader& reader) const;
  const Histogram& staleness_updates() const { return staleness_updates_; }

 private:
  void put(const Frame& push);
  void keep(const Frame& push, BlocksBefore& blocks) const;

  const ShardMap& map_;
  const int workers_;
  const std::vector<Run> everything_;
  StoredRows rows_;
  std::unique_ptr<Updater> updater_;
  Held now_;
  std::uint64_t applied_ = 0;  // clocks
  PastStates past_;
  RowStamps stamps_;
  Histogram staleness_updates_;
};

}  // namespace sounder::mpi
