// Private to the data code: labels of several classes as indices into a list of classes.
#pragma once

#include <span>
#include <string_view>

#include <sounder/data/columns.hpp>

namespace sounder {

/// Lists the distinct labels as `classes` and replaces each label by its index there.
/// Throws Error on more than 1,024 classes: a softmax over more of them is not what anyone means.
void number_classes(Columns& columns);

/// Renumbers the labels of `columns` by `known`, the classes of the set called `name`, and takes these over.
/// Throws Error on the first label that is not among them.
void renumber_classes(Columns& columns, std::span<const float> known, std::string_view name);

}  // namespace sounder
