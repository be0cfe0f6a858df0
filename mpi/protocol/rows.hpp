// The rows of one shard in memory, the old contents that exact reads still need, and when each row last changed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "protocol/shard_map.hpp"

namespace sounder::mpi {

inline constexpr std::size_t kGuardFloats = 64;  ///< of a block: kBlockFloats of the guarded sum

/// Tables one after the other, each from a multiple of 64 floats on.
class StoredRows final : public ShardRows {
 public:
  StoredRows(const ShardMap& map, int server) : map_(map), server_(server) {
    std::size_t floats = 0;
    for (std::size_t table = 0; table < map.tables().size(); ++table) {
      offsets_.push_back(floats);
      rows_.push_back(map.rows(table, server));
      floats += (rows_[table] * width_of(table) + kGuardFloats - 1) / kGuardFloats * kGuardFloats;
    }
    offsets_.push_back(floats);
    data_.reset(static_cast<float*>(::operator new[](std::max<std::size_t>(floats, 1) * sizeof(float), kAlign)));
    std::fill_n(data_.get(), floats, 0.f);
  }

  std::size_t tables() const override { return rows_.size(); }
  std::uint64_t rows(std::size_t table) const override { return rows_[table]; }
  int width(std::size_t table) const override { return map_.tables()[table].width; }
  int push_width(std::size_t table) const override { return map_.tables()[table].push_width; }
  std::span<float> floats(std::size_t table) override { return {data_.get() + offsets_[table], offsets_[table + 1] - offsets_[table]}; }
  std::uint64_t whole_row(std::size_t table, std::uint64_t local) const override { return map_.whole(table, server_, local); }

  std::span<float> all() { return {data_.get(), offsets_.back()}; }
  std::span<const float> all() const { return {data_.get(), offsets_.back()}; }
  std::size_t blocks() const { return offsets_.back() / kGuardFloats; }

  /// Where a run lies in all(): first float, and how many.
  struct Place {
    std::size_t first, count;
  };
  Place place(const Run& run) const {
    const std::size_t width = width_of(run.table);
    return {offsets_[run.table] + static_cast<std::size_t>(run.first) * width, std::size_t{run.count} * width};
  }

 private:
  static constexpr std::align_val_t kAlign{64};
  struct Free {
    void operator()(float* data) const { ::operator delete[](data, kAlign); }
  };
  std::size_t width_of(std::size_t table) const { return static_cast<std::size_t>(map_.tables()[table].width); }

  const ShardMap& map_;
  int server_;
  std::vector<std::uint64_t> rows_;
  std::vector<std::size_t> offsets_;
  std::unique_ptr<float[], Free> data_;
};

/// What blocks held before a clock was applied: reads of exact visibility that are due an older state take it together from here.
class BlocksBefore {
 public:
  explicit BlocksBefore(std::size_t blocks) : where_(blocks) {}
  void keep(std::size_t block, std::span<const float> all) {
    if (where_[block]) return;
    const auto floats = all.subspan(block * kGuardFloats, kGuardFloats);
    kept_.insert(kept_.end(), floats.begin(), floats.end());
    where_[block] = static_cast<std::uint32_t>(kept_.size() / kGuardFloats);
  }
  /// Null if the block was not touched.
  const float* find(std::size_t block) const {
    return where_[block] ? kept_.data() + std::size_t{where_[block] - 1} * kGuardFloats : nullptr;
  }

 private:
  std::vector<std::uint32_t> where_;  // place in kept_, from 1
  std::vector<float> kept_;
};

/// Floats first ... first + out.size() - 1 of `all`, as they were before the clocks of `before`, oldest first.
inline void read_before(std::span<const float> all, std::size_t first, std::span<float> out,
                        std::span<const BlocksBefore* const> before) {
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t at = first + done, block = at / kGuardFloats, in_block = at % kGuardFloats;
    const std::size_t count = std::min(kGuardFloats - in_block, out.size() - done);
    const float* from = all.data() + block * kGuardFloats;
    for (const BlocksBefore* const old : before)
      if (const float* const kept = old->find(block)) {
        from = kept;
        break;
      }
    std::memcpy(out.data() + done, from + in_block, count * sizeof(float));
    done += count;
  }
}

}  // namespace sounder::mpi
