// Memory of every rank that the others read and add to without asking it: one-sided communication (MPI 3.1, chapter 11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sounder::mpi {

/// Why --transport sim has none.
inline constexpr const char* kNoWindows =
    "--mode rma reaches into the memory of ranks without a message to them, and --transport sim says what messages take: give --mode async, or another --transport";

/// Floats that follow each other in a rank's part of a window.
struct WindowPiece {
  std::uint64_t first = 0, count = 0;
};

/// Each rank has a part, of floats and of counts, and takes no part in what others do there. Of the communication thread alone. What is begun
/// goes on until done(): only then it has surely happened, at the other rank too. Each float and count is read whole, and an add to it is never
/// lost; what one call reads or adds is not one moment's, and calls have no order but by done().
class Window {
 public:
  virtual ~Window() = default;
  /// Begins to fill `out`, which has as many floats as the pieces, with theirs.
  virtual void read(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<std::vector<float>> out) = 0;
  /// Begins to add one value to each float of the pieces.
  virtual void add(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<const std::vector<float>> values) = 0;
  /// Begins to add to all counts, and to fill `before`, which is as long, with what they were.
  virtual void count(int rank, std::vector<std::uint64_t> by, std::shared_ptr<std::vector<std::uint64_t>> before) = 0;
  virtual bool done() = 0;
  virtual std::vector<int> awaited() const = 0;  ///< ranks at which something goes on
  /// Collective, when all are done(), instead of all further calls. A window that ends otherwise leaves its memory to the process.
  virtual void close() = 0;
};

}  // namespace sounder::mpi
