// How many classes a dataset holds.
#pragma once

#include <sounder/data/dataset.hpp>

namespace sounder {

/// Throws Error, naming the model, on labels that are no classes, or more than `most` of them.
int classes_of(const Dataset& data, const char* model, int most);

}  // namespace sounder
