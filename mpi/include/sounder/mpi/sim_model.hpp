// What ranks and their network are like where both are simulated (World::run_sim).
#pragma once

#include <string>

namespace sounder::mpi {

/// Seconds of virtual time. A round of n examples takes a rank n * compute * X, then what it is padded to, and round * X' to
/// publish it, X and X' lognormal with mean 1 and deviation `vary`. A
/// frame of b bytes, header included, keeps its sender's port busy for gap + b / bandwidth, is then under way for latency * Y, Y lognormal
/// with mean 1 and deviation `jitter`, and keeps its receiver's port busy for gap + b / bandwidth: many senders to one wait for each other
/// (after LogGP: Alexandrov et al., SPAA 1995). Nothing else takes time: no message costs a processor anything, unless by `gap`.
struct SimModel {
  double compute_seconds = 1e-6;   ///< of each example
  double round_seconds = 0;        ///< of each round, to publish it
  double vary = 0;
  double latency_seconds = 50e-6;
  double jitter = 0;
  double bytes_per_second = 1e9;
  double gap_seconds = 0;

  /// "compute=2us,round=0,vary=0.1,latency=50us,jitter=0.2,bandwidth=1GB/s,gap=0", any of them in any order; the others stay as they are.
  /// Seconds end in s, ms, us or ns, bytes in B/s, kB/s, MB/s or GB/s. Throws Error naming `flag`.
  static SimModel parse(const std::string& text, const char* flag = "--sim");
  /// What parse() reads.
  std::string text() const;
};

}  // namespace sounder::mpi
