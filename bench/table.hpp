// What a person sees at the end: one table, a row a run, and what was found of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sounder/train/fit.hpp>

#include "records.hpp"

namespace sounder::bench {

/// A column of the program's own.
struct Cell {
  std::string heading, text;
};

/// One row of the table.
struct TableRow {
  RunName name;
  const Result* result;
  std::optional<double> auc;
  std::optional<Efficiency> efficiency{};
  std::string reference{};   ///< the run that it is measured against: "hogwild x1"
  std::string workers{};     ///< if they are no threads
  std::vector<Cell> more{};  ///< behind the speeds; the same headings in each row
};

/// Lines of cells under headings; `columns[c][line]`. A * at the end of a cell hangs over.
std::string aligned(const std::vector<std::vector<std::string>>& columns);

/// Aligned columns, a row a run, best values marked with *. Columns that no run has are left out.
std::string table_of(const std::vector<TableRow>& rows, const DataFacts& data, Task task);

/// What telemetry found, a line a run, then how each speed-up came about. Empty where nothing was measured. `hottest`:
/// also the hottest cache lines of each run.
std::string findings_of(const std::vector<TableRow>& rows, bool hottest);

}  // namespace sounder::bench
