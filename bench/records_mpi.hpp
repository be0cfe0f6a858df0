// What the records and the table tell of a run on many ranks, besides what they tell of any run.
#pragma once

#include <sounder/mpi/fit.hpp>

#include "records.hpp"
#include "settings_mpi.hpp"
#include "table.hpp"

namespace sounder::bench {

/// Options that bench_mpi alone has.
Json own_options(const MpiSettings& settings, const mpi::Options& of_run, bool uses_gpu);

/// Columns of a CSV file that bench_mpi alone has.
std::vector<std::string> own_columns();

/// summary_record() and what ranks did, waited for and sent.
Json summary_record(const RunFacts& facts, const mpi::Result& result);

/// Columns of the table: waiting, traffic, staleness.
std::vector<Cell> own_cells(const mpi::Result& result);

/// A line a rank: where its time went, what it sent, whom it waited for most.
std::string ranks_text(const std::string& label, const mpi::Result& result);

}  // namespace sounder::bench
