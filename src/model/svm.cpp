#include <sounder/model/svm.hpp>

#include "model/families.hpp"

namespace sounder::families {

Kernel svm(const Dataset& data, float l2, RuleName rule) { return make_kernel(Svm(data, l2), data, "svm", rule); }

}  // namespace sounder::families
