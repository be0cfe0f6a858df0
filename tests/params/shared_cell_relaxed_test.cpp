// The relaxed form of shared_cell.hpp, under a name of its own: one program holds both.
#include <sounder/params/lanes.hpp>

#undef SOUNDER_ATOMIC_CELLS
#define SOUNDER_ATOMIC_CELLS 1
#define shared_cell shared_cell_relaxed
#include <sounder/params/shared_cell.hpp>
#undef shared_cell

#include "params/cell_forms.hpp"

namespace sounder::test {
namespace {

using F = ThreadLanes::F;
struct Get {
  template <class V>
  V operator()(const float* cell, V) const {
    return shared_cell_relaxed::get<V>(cell);
  }
};
struct Put {
  template <class V>
  void operator()(float* cell, V value) const {
    shared_cell_relaxed::put<V>(cell, value);
  }
};
struct Add {
  template <class V>
  void operator()(float* cell, V value) const {
    shared_cell_relaxed::atomic_add<V>(cell, value);
  }
};
using Form = FormOf<F, Get, Put, Add>;

}  // namespace

const CellForm kRelaxedForm{Form::get, Form::put, Form::add};

}  // namespace sounder::test
