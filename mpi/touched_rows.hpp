// Which rows of the parameters a round reads and writes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sounder/kernel.hpp>
#include <sounder/mpi/updater.hpp>
#include <sounder/train/chunk_queue.hpp>

namespace sounder::mpi {

/// Lists rows as runs, table by table and ascending: what a pull or a push carries. Intercepts are always among them. Where a
/// table has more than half of its rows touched, or the model cannot tell (no touches()), the whole table is: a dense range costs
/// four bytes a float, a sparse row eight and more.
class TouchedRows {
 public:
  explicit TouchedRows(const Kernel& kernel);

  /// Of the examples in `ranges`. Valid until the next call. Costs a visit of each nonzero.
  const std::vector<Run>& of(const Dataset& data, std::span<const Range> ranges);
  /// All rows of all tables.
  const std::vector<Run>& all() const { return all_; }

 private:
  const Kernel& kernel_;
  std::vector<std::vector<std::uint32_t>> seen_;  ///< [table][row]: the last round that touched it
  std::uint32_t round_ = 0;
  std::vector<RowId> listed_;
  std::vector<std::vector<std::uint32_t>> rows_;  ///< by table
  std::vector<Run> runs_, all_;
};

/// Floats of the weights of these rows.
std::size_t floats_of(const Layout& layout, std::span<const Run> runs);
/// The weights of these rows, one behind the other, out of the parameters and back.
void gather(const Parameters& parameters, std::span<const Run> runs, std::span<float> out);
void scatter(std::span<const float> values, std::span<const Run> runs, Parameters& parameters);

}  // namespace sounder::mpi
