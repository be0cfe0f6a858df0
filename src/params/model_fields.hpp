// A saved model as fields: the body of a model file, and a part of a checkpoint.
#pragma once

#include <sounder/params/model_file.hpp>

#include "params/fields.hpp"

namespace sounder {

void put_model(FieldWriter& out, const SavedModel& saved);
/// Throws std::out_of_range if the fields are not those of a model.
SavedModel get_model(FieldReader& in);

}  // namespace sounder
