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

/// rcv1, netflix, zipf, cold, dense, grid-cut.
std::span<const Synthetic> synthetics();

/// Makes `name` with the defaults overridden by `settings`. Every set takes `seed`, and every set but grid-cut
/// `examples` and `part` (0: training, 1: held-out examples of the same ground truth). Throws Error on an unknown name
/// or key.
///
/// grid-cut (Format::cut; Niu et al. 2011, section 2) is an image of `width` x `height` pixels, pixel (x, y) being id
/// y * width + x. It shows `labels` labels in concentric discs (2: one disc), a share `noise` of them replaced by
/// another. For each pixel in order of ids come its terminal, {id} of value 0.5 to 1.5 and the label seen, then the edges
/// to its right and lower neighbour, {u, v}, u < v, both of value `smooth`.
Columns generate(std::string_view name, const std::map<std::string, double>& settings = {});

}  // namespace sounder
