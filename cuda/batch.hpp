// Models whose step on one example is too small for a GPU: it steps on mini-batches, by products of matrices.
#pragma once

#include <optional>
#include <string>

#include <sounder/cuda/options.hpp>
#include <sounder/kernel.hpp>

namespace sounder::cuda {

/// A multilayer perceptron and how many examples it steps on at once. All that a batch depends on but the parameters and the data.
struct BatchShape {
  int batch = 0;
  int inputs = 0;   ///< features
  int width = 0;    ///< units of the hidden layer, those that stay 0 among them
  int classes = 0;  ///< that count, of the kClasses of a row
  float l2 = 0;
};

/// Of a model that is trained so.
std::optional<BatchShape> batch_shape_of(const Kernel& kernel, int batch);

/// Throws Error on options that such models cannot obey on a GPU. `name`: of the model.
void check_batches(const GpuOptions& options, const std::string& name);

/// What the step size is multiplied by: gradients of a batch are added up, and beyond so many examples in all streams the sum would overshoot.
float batch_scale(int batch, int streams);

}  // namespace sounder::cuda
