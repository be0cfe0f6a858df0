// How often the rows of the parameters are touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>

namespace sounder {

/// In which share of the examples each row of each table is touched, from a sample: [table][row]. The thinned intercept
/// counts as 1/16. All 0 for a model without touches().
std::vector<std::vector<double>> touch_frequencies(const Kernel& kernel, const Dataset& data);

/// How many of the examples [begin, end) of `data` touch each row: [table][row]. All 0 for a model without touches().
std::vector<std::vector<std::uint32_t>> touch_counts(const Kernel& kernel, const Dataset& data, std::size_t begin, std::size_t end);

/// The factor of each row's sum of gradients over `examples` examples: 1 / max(1, how many of them will touch it). Rows
/// that one example touches move as in serial, hot ones by the mean, so that nothing overshoots (Defossez and Bach,
/// "AdaBatch", 2017).
std::vector<std::vector<float>> batch_scales(const std::vector<std::vector<double>>& frequencies, double examples);
std::vector<std::vector<float>> batch_scales(const Kernel& kernel, const Dataset& data, double examples);

}  // namespace sounder
