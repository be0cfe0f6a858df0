// A source read in parts, by readers that each see only their own lines, and by what they tell each other of the whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/data/load.hpp>

namespace sounder {

/// Part `index` of `count` of a source; `index == count`: nothing of it.
struct Part {
  int index = 0, count = 1;

  /// The begin and the end of this part of `size` bytes, images or examples.
  std::pair<std::size_t, std::size_t> of(std::size_t size) const;
};

/// The examples of a part of `all`.
Columns cut(const Columns& all, Part part);

/// What one part says of the whole. Lines count from 1 within the part, 0 is none.
struct PartFacts {
  std::uint64_t bytes = 0;       ///< of the whole source after decompression: all parts must have read the same
  std::uint64_t first_line = 1;  ///< where the lines that are dealt out begin in the file, the same for all parts
  std::uint64_t lines = 0, examples = 0, nonzeros = 0;
  std::uint64_t fault_line = 0;
  std::string fault;                                ///< what is wrong in `fault_line`, the first bad one
  std::array<std::uint64_t, 3> first_labels{};      ///< the first line with label -1, 0 and +1 (Format::classification)
  bool all_ones = false;                            ///< every value is 1, so that values may be left out
  float bad_value = 0;                              ///< the first that --transform log1p cannot take, or 0
  std::vector<float> classes;                       ///< distinct labels, ascending; at most 1,025 (Format::multiclass)
};

struct LoadedPart {
  Columns columns;  ///< not final before settle(), and not meaningful where there is a fault
  PartFacts facts;
};

/// Reads a part of what load() reads: the lines that begin in its share of the bytes, or its share of the images. Of text
/// and images that are not compressed no more than that is touched, besides the first lines. Compressed files are
/// decompressed as a whole, and generated sets generated, but only the part is parsed and kept.
/// Throws Error where the source cannot be read at all; a bad line is among the facts.
LoadedPart load_part(const std::string& source, const LoadOptions& options, Part part);

/// Turns the part `mine` into what load() would give for these examples, by the facts of all parts, in order. What depends
/// on the whole (line numbers, classes, whether there are values) is decided alike for every part. Throws the same Error,
/// with file:line of the first fault of the whole, for every part.
Columns settle(LoadedPart mine, std::span<const PartFacts> all, const LoadOptions& options);

}  // namespace sounder
