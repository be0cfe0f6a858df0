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
enum class Format {
  classification,  ///< libsvm text: `label id:value ...`; labels +1/-1 or 1/0, given back as +1/-1
  multiclass,      ///< the same with any whole labels below 2^24 in size, given back as indices of Columns::classes
  regression,      ///< the same with any finite numbers as labels
  ratings,         ///< `user item rating [more]`, separated by tab, comma, `::` or blanks; a header line may lead
};

struct LoadOptions {
  Format format = Format::classification;
  TransformName transform = TransformName::none;  ///< not for ratings
  NormalizeName normalize = NormalizeName::none;  ///< not for ratings
};

/// Reads `source`:
///  - `builtin:NAME[,part=train|test]`: a shipped set (spam, ratings); without `part` all of it;
///  - `synthetic:NAME[,key=value...]`: a generated set (see generate.hpp);
///  - anything else is the path of a file; gzip and xz are recognized by their first bytes.
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
