#include <sounder/model/mlp.hpp>

#include "model/classes.hpp"
#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int hidden, bool tile) {
  const Mlp<W> model{.classes = classes_of(data, "mlp", mlp::kClasses),
                     .labels = data.classes().data(),
                     .hidden = hidden,
                     .tile = tile,
                     .l2 = l2,
                     .rarity = data.rarity().data()};
  return make_kernel(model, data, "mlp");
}

}  // namespace

Kernel mlp(const Dataset& data, float l2, int hidden, bool tile) {
  if (hidden <= 16) return of_width<16>(data, l2, hidden, tile);
  if (hidden <= 32) return of_width<32>(data, l2, hidden, tile);
  if (hidden <= 64) return of_width<64>(data, l2, hidden, tile);
  return of_width<128>(data, l2, hidden, tile);
}

}  // namespace sounder::families
