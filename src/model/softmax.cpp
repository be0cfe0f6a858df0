#include <sounder/model/softmax.hpp>

#include "model/classes.hpp"
#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int classes, RuleName rule) {
  const Softmax<W> model{
      .classes = classes, .labels = data.classes().data(), .l2 = l2, .rarity = data.rarity().data()};
  return make_kernel(model, data, "softmax", rule);
}

}  // namespace

Kernel softmax(const Dataset& data, float l2, RuleName rule) {
  const int classes = classes_of(data, "softmax", 128);
  if (classes <= 16) return of_width<16>(data, l2, classes, rule);
  if (classes <= 32) return of_width<32>(data, l2, classes, rule);
  if (classes <= 64) return of_width<64>(data, l2, classes, rule);
  return of_width<128>(data, l2, classes, rule);
}

}  // namespace sounder::families
