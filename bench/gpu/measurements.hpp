// The measurements of gpu_roofs, by name.
#pragma once

#include "device/device.hpp"
#include "gpu/report.hpp"

namespace sounder::cuda {

/// `scale`: of all sizes; 1 is what the bars are for, less is for a look under a memory checker.
struct Bench {
  Device& device;
  Report& report;
  double scale = 1;

  /// Threads that fill the GPU, in workers of so many lanes.
  int workers(int lanes) const { return device.caps().multiprocessors * 1536 / lanes; }
};

void measure_copies(Bench&);
void measure_mf(Bench&);
void measure_logistic(Bench&);
void measure_mlp(Bench&);         ///< needs cuBLAS
void measure_conservation(Bench&);
void measure_bus(Bench&);        ///< managed and pinned memory read and written over the bus, and the exchange
void measure_exactness(Bench&);  ///< CPU threads and GPU on words of the same lines

}  // namespace sounder::cuda
