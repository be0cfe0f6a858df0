// Predictions in a file.
#pragma once

#include <string>
#include <vector>

#include <sounder/kernel.hpp>

namespace sounder::bench {

/// One number a line (probability, class or rating), in the order of the input. Throws Error.
void write_predictions(const std::string& path, const Kernel& kernel, const std::vector<double>& predictions, const Dataset& data);

}  // namespace sounder::bench
