// Where gradients come together: the placements of "Dive into Deep Learning", section 12.7, and what its formulas say they take.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reduce/reducer.hpp"
#include "traffic/in_turn.hpp"

namespace sounder::bench {

/// Of n ranks, in times of M / B: the time in which one link carries a whole vector.
struct Placement {
  std::string name;
  std::string formula;
  double vectors;  ///< the formula's value
  std::unique_ptr<mpi::Reducer> reducer;
};

/// `ranks_per_node`: of the hierarchy.
std::vector<Placement> placements(mpi::Endpoint& endpoint, int ranks_per_node);

/// Each rank adds up a part of the vector and hands it out: servers that are spread over all ranks.
std::unique_ptr<mpi::Reducer> make_spread(mpi::Endpoint& endpoint, std::size_t chunk_bytes = mpi::kChunkBytes);

/// Bytes a second that plain messages of this size carry: from rank 0 to rank 1 while the others rest, and in all while each rank sends to
/// its right neighbour.
struct Links {
  double one = 0, all = 0;
};
Links measure_links(mpi::Endpoint& endpoint, std::size_t bytes, int repeat);

/// Rank 0: a line for each placement, what the formula says for links of their own, what it says where all share one memory, and what
/// was measured.
void print(const std::vector<Placement>& placements, const Links& links, std::size_t bytes, int ranks, const std::vector<Timing>& timings);

}  // namespace sounder::bench
