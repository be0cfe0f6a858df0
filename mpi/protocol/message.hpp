// What the headers and payloads of the key-value store's frames hold.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <sounder/mpi/updater.hpp>

#include "protocol/canary.hpp"
#include "protocol/frame.hpp"

namespace sounder::mpi {

/// | kind     | channel | clock                  | sequence              | detail       | more                     | tag     | examples   |
/// |----------|---------|------------------------|-----------------------|--------------|--------------------------|---------|------------|
/// | push     | bulk    | of the worker          | 1, 2, ... to a shard  | flags, runs  | others' updates it read  | rate    | processed  |
/// | pull     | bulk    | of the worker          | of its last push      | flags, runs  | staleness or snapshot id | request | first lane |
/// | values   | bulk    | held of every worker   | own push that is held | flags, first | others' updates held     | request | first lane |
/// | clock    | control | completed, or kLeft    | of its last push      |              |                          |         |            |
/// | advanced | bulk    | held of every worker   | own push that is held | flags, runs  | others' updates held     |         | first lane |
///
/// push:     runs, [canary update], rows.     pull: runs.
/// values:   [witness, [canary]], rows.       advanced: witness, [canary], runs, rows.
/// An answer of many rows is several frames of values, one behind the other; `first`: so many floats came before. The first of them holds witness and canary.
/// A witness is a clock for each worker. A canary is, for each worker, a number of lanes and the lanes. Rows of runs are local.
/// A pull that was parked is told so by values on channel control, without payload: `more` is the worker that it waits for.
using Flag = std::uint64_t;
inline constexpr Flag kCompletes = 1;  ///< push: completes the worker's clock
inline constexpr Flag kWhole = 2;  ///< all rows of the shard: the payload holds no runs
inline constexpr Flag kCanary = 4;  ///< push: holds a canary update; others: holds or asks for a canary
inline constexpr Flag kNewest = 8;  ///< pull: the state as it is, no bound
inline constexpr Flag kSnapshot = 16;  ///< pull: of the snapshot `more`
inline constexpr Flag kFlush = 32;  ///< pull: no rows; answered when `sequence` and `clock` have come in
inline constexpr Flag kSubscribe = 64;  ///< pull: of these rows, what has changed whenever the slowest clock moves on
inline constexpr Flag kParked = 128;  ///< values: not yet
inline constexpr int kFlagBits = 8;

inline std::uint64_t detail_of(Flag flags, std::size_t runs) { return flags | std::uint64_t{runs} << kFlagBits; }
inline bool has(const Header& header, Flag flag) { return (header.detail & flag) != 0; }
inline std::size_t first_in(const Header& header) { return static_cast<std::size_t>(header.detail >> kFlagBits); }
inline std::size_t runs_in(const Header& header) { return static_cast<std::size_t>(header.detail >> kFlagBits); }

/// Takes a payload apart, front to back.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  template <class T>
  std::span<const T> take(std::size_t count) {
    const std::span<const T> part(reinterpret_cast<const T*>(rest_.data()), count);
    rest_ = rest_.subspan(part.size_bytes());
    return part;
  }
  std::span<const float> floats() { return take<float>(rest_.size() / sizeof(float)); }

 private:
  std::span<const std::byte> rest_;
};

/// Fills a payload, front to back.
class Writer {
 public:
  explicit Writer(std::span<std::byte> bytes) : rest_(bytes) {}
  template <class T>
  std::span<T> give(std::size_t count) {
    const std::span<T> part(reinterpret_cast<T*>(rest_.data()), count);
    rest_ = rest_.subspan(part.size_bytes());
    return part;
  }
  template <class T>
  void put(std::span<const T> values) {
    if (!values.empty()) std::memcpy(give<T>(values.size()).data(), values.data(), values.size_bytes());
  }

 private:
  std::span<std::byte> rest_;
};

}  // namespace sounder::mpi
