// Generated sets with the shapes of the papers, for `synthetic:NAME,key=value,...`.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <sounder/data/columns.hpp>
#include <sounder/data/load.hpp>

namespace sounder {

/// A generated set: its defaults, and the sparsity that it must show (a test checks that it does).
/// Omega, Delta and kappa are those of statistics.hpp. {least, most} of each, at the defaults.
struct Synthetic {
  std::string_view name;
  Format format;
  std::string_view help;
  std::map<std::string_view, double> defaults;  ///< every settable key with its default
  double omega[2], delta[2], kappa[2];
};

/// rcv1, netflix, zipf, cold, dense.
std::span<const Synthetic> synthetics();

/// Makes `name` with the defaults overridden by `settings`. Every set takes `examples`, `seed` and
/// `part` (0: training, 1: held-out examples of the same ground truth). Throws Error on an unknown name or key.
Columns generate(std::string_view name, const std::map<std::string, double>& settings = {});

}  // namespace sounder
