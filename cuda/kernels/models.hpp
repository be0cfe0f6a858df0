// The models that have kernels, each with the number of lanes of a worker.
#pragma once

#include <cstddef>
#include <optional>
#include <typeinfo>

#include <sounder/model/fm.hpp>
#include <sounder/model/logistic.hpp>
#include <sounder/model/mf.hpp>
#include <sounder/model/softmax.hpp>
#include <sounder/model/squared.hpp>
#include <sounder/model/svm.hpp>

namespace sounder::cuda {

/// Lanes that hold a row of W floats, 4 each.
constexpr int lanes_of(int width) { return width >= 128 ? 32 : width / 4; }

/// The table that a model declares as `owned`.
template <class M>
constexpr std::optional<std::size_t> owned_table() {
  if constexpr (requires { M::owned; })
    return static_cast<std::size_t>(M::owned.index);
  else
    return std::nullopt;
}

inline constexpr double kShortExample = 24;  ///< nonzeros up to which 8 lanes are better than 32

// f.template operator()<Model, lanes>() for the model of this type, if it is one of the family; says whether it was.
template <class Loss, class F>
bool with_linear(const std::type_info& type, double nonzeros, F f) {
  if (type != typeid(Linear<Loss>)) return false;
  if (nonzeros <= kShortExample)
    f.template operator()<Linear<Loss>, 8>();
  else
    f.template operator()<Linear<Loss>, 32>();
  return true;
}
template <class F>
bool with_any_linear(const std::type_info& type, double nonzeros, F f) {
  return with_linear<LogisticLoss>(type, nonzeros, f) || with_linear<HingeLoss>(type, nonzeros, f) || with_linear<SquaredLoss>(type, nonzeros, f);
}
template <template <int> class M, int... kWidths, class F>
bool with_width(const std::type_info& type, F f) {
  return ((type == typeid(M<kWidths>) && (f.template operator()<M<kWidths>, lanes_of(kWidths)>(), true)) || ...);
}
template <class F>
bool with_mf(const std::type_info& type, F f) {
  return with_width<MatrixFactorization, 16, 32, 64, 128, 256>(type, f);
}
/// Those whose rows may have 16 bits a cell. Narrower ones are no more than the 32 bytes that memory hands out at once; of scattered single
/// weights it hands out 32 bytes each, whatever their size.
template <class F>
bool with_narrow(const std::type_info& type, F f) {
  return with_width<MatrixFactorization, 32, 64, 128>(type, f);
}
template <class F>
bool with_fm(const std::type_info& type, F f) {
  return with_width<FactorizationMachine, 16, 32, 64>(type, f);
}
template <class F>
bool with_softmax(const std::type_info& type, F f) {
  return with_width<Softmax, 16, 32, 64, 128>(type, f);
}

}  // namespace sounder::cuda
