// The two forms of shared_cell.hpp, whatever the build uses, for shared_cell_test.cpp to hold against each other.
#pragma once

#include <cstring>

namespace sounder::test {

/// get, put and atomic_add of one form, on `lanes` floats at `cell`: 1, or a strip. Values travel as bytes.
struct CellForm {
  void (*get)(const float* cell, int lanes, void* value);
  void (*put)(float* cell, int lanes, const void* value);
  void (*add)(float* cell, int lanes, const void* value);
};

extern const CellForm kVolatileForm, kRelaxedForm;

/// Fits the three functions of one form; `Get`, `Put`, `Add` are lambdas that take a V.
template <class F, class Get, class Put, class Add>
struct FormOf {
  template <class V>
  static V load(const void* value) {
    V result;
    std::memcpy(&result, value, sizeof result);
    return result;
  }
  static void get(const float* cell, int lanes, void* value) {
    if (lanes == 1) {
      const float v = Get{}(cell, float{});
      std::memcpy(value, &v, sizeof v);
    } else {
      const F v = Get{}(cell, F{});
      std::memcpy(value, &v, sizeof v);
    }
  }
  static void put(float* cell, int lanes, const void* value) {
    lanes == 1 ? Put{}(cell, load<float>(value)) : Put{}(cell, load<F>(value));
  }
  static void add(float* cell, int lanes, const void* value) {
    lanes == 1 ? Add{}(cell, load<float>(value)) : Add{}(cell, load<F>(value));
  }
};

}  // namespace sounder::test
