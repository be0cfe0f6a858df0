#include "protocol/shard_state.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string>

#include <sounder/error.hpp>

namespace sounder::mpi {

ShardState::ShardState(const ShardMap& map, const Options& options, std::span<const float> initial)
    : map_(map),
      workers_(options.workers),
      everything_(map.everything(options.server)),
      rows_(map, options.server),
      now_{Witness(options.workers), Canary(options.workers)},
      past_(options.kept_clocks) {
  std::size_t from = 0;
  map.cut(map.everything(), [&](int server, const Run& piece) {
    const std::size_t floats = map.floats({&piece, 1}, &KvTable::width);
    if (server == options.server) {
      const std::span<const float> part = initial.subspan(from, floats);
      std::copy(part.begin(), part.end(), rows_.all().begin() + static_cast<std::ptrdiff_t>(rows_.place(piece).first));
    }
    from += floats;
  });
  if (options.stamps) stamps_.start(rows_);
  updater_ = (options.updater ? options.updater : sum_updater())(rows_, options.workers);
}

void ShardState::apply(const Frame& push) {
  stamps_.next();
  put(push);
}

void ShardState::apply_clock(const HeldClocks::Clock& workers) {
  if (past_.keeps()) {
    BlocksBefore& blocks = past_.begin(applied_, now_, rows_.blocks());
    for (const std::vector<HeldItem>& items : workers)
      for (const HeldItem& item : items)
        if (!item.is_mark) keep(item.push, blocks);
  }
  stamps_.next();
  updater_->begin_clock(rows_, applied_);
  for (std::size_t worker = 0; worker < workers.size(); ++worker)
    for (const HeldItem& item : workers[worker])
      if (item.is_mark)
        mark(static_cast<int>(worker), item.mark.clocks, item.mark.sequence);
      else
        put(item.push);
  updater_->end_clock(rows_, applied_);
  ++applied_;
  past_.forget(applied_);
}

void ShardState::put(const Frame& push) {
  const Header& header = push.header;
  Reader reader(push.payload.bytes());
  const std::span<const Run> runs = runs_of(header, reader);
  const CanaryUpdate canary = has(header, kCanary) ? reader.take<CanaryUpdate>(1)[0] : CanaryUpdate{};
  const std::span<const float> values = reader.floats();
  if (values.size() != map_.floats(runs, &KvTable::push_width))
    throw Error("a push of rank " + std::to_string(header.source) + " holds " + std::to_string(values.size()) +
                " floats, its rows have " + std::to_string(map_.floats(runs, &KvTable::push_width)) +
                ": construct the store with the same tables on all ranks");
  if (!runs.empty()) {
    const std::uint64_t others = now_.witness.updates_of_others(header.source);
    const std::uint64_t staleness = others - std::min(others, header.more);
    staleness_updates_.add(staleness);
    updater_->apply(rows_, {.worker = header.source,
                            .clock = header.clock,
                            .staleness = staleness,
                            .rate = std::bit_cast<float>(static_cast<std::uint32_t>(header.tag)),
                            .examples = header.examples,
                            .runs = runs,
                            .values = values});
    stamps_.stamp(updater_->touches() == Updater::Touches::everything ? std::span<const Run>(everything_) : runs, rows_);
  }
  if (has(header, kCanary)) now_.canary.apply(header.source, canary);
  now_.witness.applied(header.source, header.sequence, header.clock, has(header, kCompletes), !runs.empty());
}

void ShardState::keep(const Frame& push, BlocksBefore& blocks) const {
  const auto keep_floats = [&](std::size_t first, std::size_t count) {
    for (std::size_t block = first / kGuardFloats; block * kGuardFloats < first + count; ++block) blocks.keep(block, rows_.all());
  };
  if (updater_->touches() == Updater::Touches::everything) return keep_floats(0, rows_.all().size());
  Reader reader(push.payload.bytes());
  for (const Run& run : runs_of(push.header, reader)) {
    const auto [first, count] = rows_.place(run);
    keep_floats(first, count);
  }
}

void ShardState::sent(int worker, std::span<const Run> runs, std::span<const float> values) {
  if (worker < workers_) updater_->sent(rows_, worker, runs, values);
}

std::span<const Run> ShardState::runs_of(const Header& header, Reader& reader) const {
  if (has(header, kWhole)) return everything_;
  const std::span<const Run> runs = reader.take<Run>(runs_in(header));
  for (const Run& run : runs)
    if (run.table >= rows_.tables() || run.first > rows_.rows(run.table) || run.count > rows_.rows(run.table) - run.first)
      throw Error("rank " + std::to_string(header.source) + " names rows that a server does not hold: construct the store with the same"
                  " tables on all ranks");
  return runs;
}

}  // namespace sounder::mpi
