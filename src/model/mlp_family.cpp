#include <sounder/model/mlp.hpp>

#include "model/classes.hpp"
#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int hidden, bool tile, RuleName rule) {
  const Mlp<W> model{.classes = classes_of(data, "mlp", mlp::kClasses),
                     .labels = data.classes().data(),
                     .hidden = hidden,
                     .tile = tile,
                     .l2 = l2,
                     .rarity = data.rarity().data()};
  return make_kernel(model, data, "mlp", rule);
}

}  // namespace

Kernel mlp(const Dataset& data, float l2, int hidden, bool tile, RuleName rule) {
  if (hidden <= 16) return of_width<16>(data, l2, hidden, tile, rule);
  if (hidden <= 32) return of_width<32>(data, l2, hidden, tile, rule);
  if (hidden <= 64) return of_width<64>(data, l2, hidden, tile, rule);
  return of_width<128>(data, l2, hidden, tile, rule);
}

}  // namespace sounder::families
