// Reading examples: files, shipped sets and generated sets behind one function.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/modes.hpp>

namespace sounder {

/// What a source is read as; a model knows which one it needs.
///
/// A cut has two kinds of examples, told apart by their size, over one id space of vertices:
///  - a terminal, `label u:strength`, asks for the label 0, 1, ..., 1023 at vertex u;
///  - an edge, `0 u:weight v:weight`, asks for the same label at u and v; its two values are equal, its label is 0.
/// Strengths and weights are 0 or more, and always given as Columns::values. Labels count from 0 as they are: there are
/// as many as the largest and one. The cut to be found gives each vertex a label so that the sum of strength over
/// terminals that do not get their label, and of weight over edges whose ends have different labels, is least.
enum class Format {
  classification,  ///< libsvm text: `label id:value ...`; labels +1/-1 or 1/0, given back as +1/-1
  multiclass,      ///< the same with any whole labels below 2^24 in size, given back as indices of Columns::classes
  regression,      ///< the same with any finite numbers as labels
  cut,             ///< the same as a graph: see above
  ratings,         ///< `user item rating [more]`, separated by tab, comma, `::` or blanks; a header line may lead
};

struct LoadOptions {
  Format format = Format::classification;
  TransformName transform = TransformName::none;  ///< not for ratings and cuts
  NormalizeName normalize = NormalizeName::none;  ///< not for ratings and cuts
};

/// Reads `source`:
///  - `builtin:NAME[,part=train|test]`: a shipped set (spam, ratings, fashion); without `part` all of it;
///  - `synthetic:NAME[,key=value...]`: a generated set (see generate.hpp);
///  - anything else is the path of a file; gzip and xz are recognized by their first bytes, and so are images in the
///    IDX format (MNIST and its kin, for multiclass and regression): dense examples, pixels 0 ... 1. Their labels are
///    read from the file beside it with "labels" for "images" and "idx1" for "idx3" in its name.
/// Throws Error with file:line where a line is at fault.
Columns load(const std::string& source, const LoadOptions& options = {});

/// The shipped sets: name, format, one-line help.
struct Builtin {
  std::string_view name;
  Format format;
  std::string_view help;
};
std::span<const Builtin> builtins();

}  // namespace sounder
