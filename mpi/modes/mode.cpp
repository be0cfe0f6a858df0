#include "modes/mode.hpp"

#include <algorithm>

namespace sounder::mpi {

RankModeEntry entry_of(RankMode mode) {
  switch (mode) {
    case RankMode::bsp: return bsp_mode();
    case RankMode::ssp: return ssp_mode();
    case RankMode::async: return async_mode();
    case RankMode::local: return local_mode();
    case RankMode::gossip: return gossip_mode();
    case RankMode::backup: return backup_mode();
    case RankMode::adpsgd: return adpsgd_mode();
    case RankMode::pushsum: return pushsum_mode();
    case RankMode::rma: return rma_mode();
  }
  return bsp_mode();
}

std::size_t packed_size(const Layout& layout) {
  std::size_t floats = 0;
  for (std::size_t table = 0; table < layout.tables(); ++table)
    floats += layout.shape(table).rows * static_cast<std::size_t>(layout.shape(table).width);
  return floats;
}

void pack(const Parameters& parameters, std::span<float> out) {
  float* to = out.data();
  for (std::size_t table = 0; table < parameters.layout().tables(); ++table)
    for (std::size_t row = 0; row < parameters.layout().shape(table).rows; ++row) {
      const std::span<const float> weights = parameters.row(table, row);
      to = std::copy(weights.begin(), weights.end(), to);
    }
}

void unpack(std::span<const float> packed, Parameters& parameters) {
  const float* from = packed.data();
  for (std::size_t table = 0; table < parameters.layout().tables(); ++table)
    for (std::size_t row = 0; row < parameters.layout().shape(table).rows; ++row) {
      const std::span<float> weights = parameters.row(table, row);
      std::copy_n(from, weights.size(), weights.begin());
      from += weights.size();
    }
}

}  // namespace sounder::mpi
