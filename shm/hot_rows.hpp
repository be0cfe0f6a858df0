// Which rows are hot, and how often each of their blocks is merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/options.hpp>

namespace sounder::shm {

struct HotRowsOptions {
  int updates = 16;                   ///< u: own updates of a row between two merges of its block; a power of two
  std::size_t most_rows = 65'536;     ///< at most so many hot rows a table
  int longest_period = 16'384;        ///< examples between two merges of a block, at most
  double least_touches = 1. / 32;     ///< a block that one example touches less often is cold: sharing it costs less
};

/// As the options of a run ask for; by default from the number of workers.
HotRowsOptions hot_rows_options(const Options& options, int workers);

/// The plan of mode `cached`, found from the data. Rows are numbered by frequency, so the hot rows of a table
/// are a prefix of it: its head, a whole number of pages.
struct HotRows {
  /// A block of kBlockFloats floats in the head of a table.
  struct Block {
    std::size_t offset;   ///< in the parameters, in floats
    int doublings;        ///< period: updates * 2^doublings examples
  };
  std::vector<Block> blocks;              ///< ascending in doublings
  std::vector<std::size_t> due;           ///< due[z]: how many leading blocks have doublings <= z
  std::vector<std::size_t> head_floats;   ///< of each table, a multiple of kPageFloats
  int piece = 16;                         ///< examples between two ticks

  HotRows(const Kernel& kernel, const Dataset& data, const HotRowsOptions& options);
};

}  // namespace sounder::shm
