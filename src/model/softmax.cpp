#include <sounder/model/softmax.hpp>

#include "model/classes.hpp"
#include "model/families.hpp"

namespace sounder::families {
namespace {

template <int W>
Kernel of_width(const Dataset& data, float l2, int classes) {
  const Softmax<W> model{
      .classes = classes, .labels = data.classes().data(), .l2 = l2, .rarity = data.rarity().data()};
  return make_kernel(model, data, "softmax");
}

}  // namespace

Kernel softmax(const Dataset& data, float l2) {
  const int classes = classes_of(data, "softmax", 128);
  if (classes <= 16) return of_width<16>(data, l2, classes);
  if (classes <= 32) return of_width<32>(data, l2, classes);
  if (classes <= 64) return of_width<64>(data, l2, classes);
  return of_width<128>(data, l2, classes);
}

}  // namespace sounder::families
