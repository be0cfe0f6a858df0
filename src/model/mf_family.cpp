#include <sounder/model/mf.hpp>

#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int factors, RuleName rule) {
  return make_kernel(MatrixFactorization<W>{.l2 = l2, .factors = factors, .data = &data}, data, "mf", rule);
}

}  // namespace

Kernel mf(const Dataset& data, float l2, int factors, RuleName rule) {
  if (factors <= 16) return of_width<16>(data, l2, factors, rule);
  if (factors <= 32) return of_width<32>(data, l2, factors, rule);
  if (factors <= 64) return of_width<64>(data, l2, factors, rule);
  if (factors <= 128) return of_width<128>(data, l2, factors, rule);
  return of_width<256>(data, l2, factors, rule);
}

}  // namespace sounder::families
