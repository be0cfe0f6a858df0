#include <sounder/model/squared.hpp>

#include "model/families.hpp"

namespace sounder::families {

Kernel squared(const Dataset& data, float l2, RuleName rule) { return make_kernel(Squared(data, l2), data, "squared", rule); }

}  // namespace sounder::families
