// The cache lines of the parameters that most updates write, and those in which most updates met a change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/train/telemetry.hpp>

namespace sounder {

/// By the place of the line in the parameters, in lines.
using LineCounts = std::unordered_map<std::size_t, std::uint64_t>;

/// The 5 lines that most examples of a sample write, then those of the 5 with the most conflicts that are not among them.
std::vector<HotLine> hot_lines(const Kernel& kernel, const Dataset& data, const LineCounts& conflicts);

}  // namespace sounder
