// Why a run on several workers is faster, or is not: speed-up = P x hardware efficiency x statistical efficiency.
#pragma once

#include <optional>

#include <sounder/train/curve.hpp>

namespace sounder {

/// A run, as far as its efficiency goes.
struct Timed {
  int workers = 1;
  double seconds = 0;   ///< training clock of the whole run
  const Curve& curve;
};

/// A run on P workers against a reference on one. The product of P and both efficiencies is the ratio of the times to
/// the target: exactly, if a run is as fast in each of its epochs.
struct Efficiency {
  int workers = 1;
  double target = 0;                  ///< training loss that both are asked for
  double hardware = 0;                ///< updates/s of P workers / (P x updates/s of the reference)
  std::optional<double> statistical;  ///< epochs of the reference to the target / epochs of P workers; empty: one missed it
  std::optional<double> speedup() const {
    if (!statistical) return std::nullopt;
    return workers * hardware * *statistical;
  }
};

/// After how many epochs the training loss first is at or below `target`: between two points by a straight line. Empty:
/// never.
std::optional<double> epochs_to(const Curve& curve, double target);

/// Compares `run` with `reference`. Without a target: the worse of the two final losses, which both have reached.
/// Empty: one of them has no epoch or no time.
std::optional<Efficiency> efficiency_of(const Timed& run, const Timed& reference, std::optional<double> target);

}  // namespace sounder
