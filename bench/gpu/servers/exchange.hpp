// What gpu_servers measures.
#pragma once

#include <string>
#include <vector>

#include "servers.hpp"

namespace sounder::cuda {

/// Bytes a second.
struct Link {
  double one = 0;  ///< while the others rest
  double all = 0;  ///< all of them together, at the same time
};
/// Of copies of vectors of this size. `between`: each device from its neighbour; 0 where there is one device.
struct Links {
  Link to_host, from_host, between;
};
Links measure_links(const std::vector<Device*>& devices, std::size_t floats, int repeat);

/// Seconds that one device needs to add up so many vectors that are there.
double measure_adding(Device& device, std::size_t floats, int vectors, int repeat);

/// Of n devices: how many whole vectors the busiest link carries to add up, and as many again to hand out.
struct Formula {
  std::string text;  ///< of both
  double vectors;    ///< of one of the two
};
Formula formula_of(ServerPlacement placement, double n);

struct Exchange {
  ServerPlacement placement;
  double reduce_seconds, broadcast_seconds;  ///< medians
  Carried carried;                           ///< by one of the two; both carry the same
  bool right;                                ///< the sum has the bits of one that is made in order, on every device
};
/// All placements, in turn, so that none has the machine at its best.
std::vector<Exchange> measure_exchanges(const std::vector<Device*>& devices, std::size_t floats, int repeat);

}  // namespace sounder::cuda
