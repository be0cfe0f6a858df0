#include <sounder/model/logistic.hpp>

#include "model/families.hpp"

namespace sounder::families {

Kernel logistic(const Dataset& data, float l2, RuleName rule) { return make_kernel(Logistic(data, l2), data, "logistic", rule); }

}  // namespace sounder::families
