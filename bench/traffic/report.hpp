// The table and the records of a series.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "traffic/in_turn.hpp"

namespace sounder::bench {

/// What a series is of; rank 0 alone reports.
struct Series {
  std::string program;
  std::string what;       ///< "push", "sum"
  int ranks = 0;
  std::size_t bytes = 0;  ///< of the vector, or of a message
  int rounds = 1;         ///< in each of the seconds
};

/// A line for each contender: median, fastest, bytes a second, and its speed in parts of the first contender's.
void print(const Series& series, const std::vector<Timing>& timings);
/// Appends {kind: "traffic", program, what, name, ranks, bytes, rounds, median_seconds, min_seconds, of_first} to the file. Throws Error.
void record(const std::string& path, const Series& series, const std::vector<Timing>& timings);

}  // namespace sounder::bench
