#include <sounder/model/svm.hpp>

#include "model/families.hpp"

namespace sounder::families {

Kernel svm(const Dataset& data, float l2) { return make_kernel(Svm(data, l2), data, "svm"); }

}  // namespace sounder::families
