// The parts that mode bsp is put together from.
#pragma once

#include <functional>
#include <memory>

#include "modes/mode.hpp"
#include "reduce/deterministic.hpp"

namespace sounder::mpi {

/// What tests exchange: how sums are cut for travelling, and who finishes the tree over the shards.
struct BspParts {
  std::size_t chunk_bytes = kChunkBytes;
  std::function<std::unique_ptr<TreeReducer>(Endpoint&, const RowNumbers&, const TreeOptions&)> tree =
      [](Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options) {
        return std::make_unique<TreeReducer>(endpoint, numbers, options);
      };
};

std::unique_ptr<RankDiscipline> make_bsp(const Setting& setting, const BspParts& parts = {});
/// --architecture server: parameters and rule state lie with servers.
std::unique_ptr<RankDiscipline> make_bsp_by_servers(const Setting& setting);

}  // namespace sounder::mpi
