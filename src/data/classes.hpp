// Private to the data code: labels of several classes as indices into a list of classes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <sounder/data/columns.hpp>

namespace sounder {

/// The distinct labels, ascending. At most one more than the 1,024 that are allowed: then there may be others.
std::vector<float> distinct_labels(std::span<const float> labels);

/// Replaces each label by its index in `classes`, and lists these.
/// Throws Error on more than 1,024 classes: a softmax over more of them is not what anyone means.
void number_classes(Columns& columns, std::vector<float> classes);

/// Renumbers the labels of `columns`, examples `first`, first + 1, ... of a set, by `known`, the classes of the set called
/// `name`, and takes these over. Throws Error on the first label that is not among them.
void renumber_classes(Columns& columns, std::span<const float> known, std::string_view name, std::size_t first);

}  // namespace sounder
