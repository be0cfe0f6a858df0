// Rows of floats that lie in the windows of all ranks, read and added to without the help of the rank that holds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/mpi/updater.hpp>
#include <sounder/train/histogram.hpp>

#include "endpoint.hpp"
#include "protocol/shard_map.hpp"
#include "transport/window.hpp"

namespace sounder::mpi {

/// How a rank comes to its window, on its communication thread: Transport::open_window, or a mutant of it.
using WindowOpener = std::function<std::unique_ptr<Window>(Transport& transport, std::span<const float> own, std::size_t counts)>;

/// Rows lie with the ranks as with the servers of a KvStore (protocol/shard_map.hpp). Beside them each rank has a count of the adds to its
/// rows, and one for the adds of each rank. Calls come from one thread, but for keep().
class WindowStore {
 public:
  struct Telemetry {
    Histogram staleness_updates;  ///< of adds: those of others between the last pull and them
    std::uint64_t reads = 0, violations = 0;  ///< of counts of a rank, looked at where rows were read and at the end
    std::string first_violation;
  };

  /// Collective. `initial`: all rows of all tables, packed. Throws Error, on all ranks, where there are no windows.
  WindowStore(Endpoint& endpoint, std::vector<KvTable> tables, std::span<const float> initial, const WindowOpener& open);
  ~WindowStore();
  WindowStore(const WindowStore&) = delete;
  WindowStore& operator=(const WindowStore&) = delete;

  std::size_t packed_floats() const { return map_.floats(everything_, &KvTable::width); }
  /// Fills `out` with the rows of the runs, in their order. They hold this rank's own adds.
  void pull(std::span<const Run> runs, std::span<float> out);
  /// Adds to rows, and does not wait until that is done.
  void add(std::span<const Run> runs, std::span<const float> values);
  /// Keeps a copy of the rows of this rank under that number. On its communication thread.
  void keep(int number);
  /// Collective: what was added before, by anyone, is in all later reads.
  void quiesce();
  /// Collective, after quiesce(): all rows as their ranks kept them.
  void pull_kept(int number, std::span<float> out);
  /// Collective, the last call that needs the windows.
  void close();

  const Telemetry& telemetry() const { return telemetry_; }

 private:
  using Counts = std::vector<std::uint64_t>;  ///< of one rank: of all adds, then by rank
  /// Floats that follow each other with one rank, and in packed rows.
  struct Slice {
    int rank;
    WindowPiece piece;
    std::size_t at;
  };
  /// What concerns one rank.
  struct Part {
    int rank;
    std::vector<WindowPiece> pieces;
    std::shared_ptr<std::vector<float>> values;
    std::shared_ptr<Counts> counts;
  };

  std::vector<Slice> slices_of(std::span<const Run> runs) const;
  /// By rank; counts what it moves, the floats so many `ways`.
  std::vector<Part> parts_of(std::span<const Slice> slices, std::size_t ways) const;
  std::uint64_t own_floats(int rank) const { return offsets_[static_cast<std::size_t>(rank)].back(); }
  std::size_t size() const { return static_cast<std::size_t>(endpoint_.size()); }
  std::size_t self() const { return static_cast<std::size_t>(endpoint_.rank()); }
  void await(const std::function<void()>& begin);
  void look(int rank, const Counts& counts);
  void settle_adds();
  void broken_if(bool is, const std::string& what);
  void check_all_arrived();

  Endpoint& endpoint_;
  const ShardMap map_;
  const std::vector<Run> everything_;
  std::vector<std::vector<std::uint64_t>> offsets_;  ///< [rank][table]: where its rows begin there; behind the last, the end
  std::unique_ptr<Window> window_;                   // of the communication thread
  std::map<int, std::shared_ptr<std::vector<float>>> kept_;  // same
  std::vector<Counts> seen_;       ///< by rank, when rows were last read there
  Counts added_;                   ///< of this rank, by rank
  std::vector<Part> adds_;         ///< under way
  Telemetry telemetry_;
};

}  // namespace sounder::mpi
