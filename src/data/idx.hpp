// Private to the readers: images in the IDX format of MNIST (http://yann.lecun.com/exdb/mnist).
#pragma once

#include <string_view>

#include <sounder/data/columns.hpp>
#include <sounder/data/part.hpp>

#include "text.hpp"

namespace sounder {

/// Whether a file is of this format: it starts with two zero bytes, which no text does, and a known type of number.
bool is_idx(std::string_view content);

/// Dense examples: the pixels of each image row by row, scaled from 0 ... 255 to 0 ... 1. The labels, kept as they are,
/// come from the file beside it that has "labels" for "images" and "idx1" for "idx3" in its name, plain, gzip or xz.
/// Only those of `part`.
Columns read_idx(const Text& images, Part part = {});

}  // namespace sounder
