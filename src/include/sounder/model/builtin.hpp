// The built-in models by name.
#pragma once

#include <sounder/data/load.hpp>
#include <sounder/kernel.hpp>

namespace sounder {

struct ModelOptions {
  ModelName model = ModelName::logistic;
  double l2 = 0;     ///< `cut` has none
  double l1 = 0;     ///< needs a rule that makes exact zeros (ftrl)
  int factors = 32;  ///< floats of a row: of `mf` 3 ... 256, two of them the biases; of `fm` 2 ... 64, one the weight
  int hidden = 64;   ///< units of the hidden layer of `mlp`: 1 ... 128
  bool tile = false; ///< `mlp` steps on 2 to 8 dense examples at once: faster, but a tiny batch (see model/mlp.hpp)
};

/// How `load` must read the data of a model.
Format format_of(ModelName model);

/// Throws Error on options out of range, naming the flag.
void check_options(const ModelOptions& options);

/// Binds a built-in model to its training data, which must outlive the kernel.
/// Throws Error on data of the wrong kind or options out of range.
Kernel builtin_kernel(const ModelOptions& options, const Dataset& data, RuleName rule = RuleName::sgd);

}  // namespace sounder
