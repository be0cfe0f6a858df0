// How examples were prepared: what a saved model and the data that it is used on must agree on.
#pragma once

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/params/model_file.hpp>

#include "settings.hpp"

namespace sounder::bench {

/// What a checkpoint must agree on besides the options of training.
std::map<std::string, std::string> preparation_of(const Settings& settings);

/// A loaded model wants its examples prepared as those that it was trained on. Throws Error.
void check_prepared(const SavedModel& saved, const Settings& settings);
/// The slots of its rows are the classes that it was trained on, in their order. Throws Error.
void check_classes(const SavedModel& saved, const Settings& settings, const Dataset& data);

/// The model with what it must know to be used. `classes` and names of rows: of `train`.
SavedModel saved_of(const Kernel& kernel, const Parameters& parameters, const Dataset& train, const Settings& settings);

}  // namespace sounder::bench
