#include <sounder/model/fm.hpp>

#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int factors, RuleName rule) {
  return make_kernel(FactorizationMachine<W>{.factors = factors, .l2 = l2, .rarity = data.rarity().data()}, data, "fm", rule);
}

}  // namespace

Kernel fm(const Dataset& data, float l2, int factors, RuleName rule) {
  if (factors <= 16) return of_width<16>(data, l2, factors, rule);
  if (factors <= 32) return of_width<32>(data, l2, factors, rule);
  return of_width<64>(data, l2, factors, rule);
}

}  // namespace sounder::families
