// Any source, as a whole or in parts, and what is decided by all parts.
#include <sounder/data/load.hpp>

#include <algorithm>
#include <filesystem>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <sounder/data/part.hpp>
#include <sounder/error.hpp>

#include "arrange.hpp"
#include "classes.hpp"
#include "facts.hpp"
#include "formats.hpp"
#include "idx.hpp"
#include "sources.hpp"
#include "text.hpp"
#include "transform.hpp"

namespace sounder {
namespace {

void check_transforms(const LoadOptions& options) {
  if (options.format != Format::ratings && options.format != Format::cut) return;
  const char* const stay = options.format == Format::cut ? "the weights of graphs" : "ratings";
  if (options.transform != TransformName::none)
    throw Error(fmt::format("--transform is for labelled examples; {} stay as they are", stay));
  if (options.normalize != NormalizeName::none)
    throw Error(fmt::format("--normalize is for labelled examples; {} stay as they are", stay));
}

LoadedPart read_any(const std::string& source, Format format, Part part) {
  if (auto made = load_named(source, format)) return {part.count == 1 && part.index == 0 ? std::move(*made) : cut(*made, part), {}};
  std::error_code unknown;
  if (part.count > 1 && std::filesystem::exists(source, unknown) && !std::filesystem::is_regular_file(source, unknown) &&
      !std::filesystem::is_directory(source, unknown))
    throw Error(fmt::format("{} is not a regular file, and only one rank can read it; save it as a file", source));
  return read_file_part(source, format, part);
}

}  // namespace

std::pair<std::size_t, std::size_t> Part::of(std::size_t size) const {
  const auto at = [&](int k) { return size * static_cast<std::size_t>(k) / static_cast<std::size_t>(count); };
  return {at(std::min(index, count)), at(std::min(index + 1, count))};
}

Columns cut(const Columns& all, Part part) {
  const auto [first, last] = part.of(all.examples());
  const auto begin = static_cast<std::ptrdiff_t>(begin_of(all, first)), end = static_cast<std::ptrdiff_t>(begin_of(all, last));
  const auto keep = [](const auto& array, std::ptrdiff_t from, std::ptrdiff_t to) {
    using Array = std::remove_cvref_t<decltype(array)>;
    return array.empty() ? Array() : Array(array.begin() + from, array.begin() + to);
  };
  Columns kept;
  kept.name = all.name;
  kept.classes = all.classes;
  kept.width = all.width;
  kept.spaces = all.spaces;
  kept.ids = keep(all.ids, begin, end);
  kept.values = keep(all.values, begin, end);
  kept.labels = keep(all.labels, static_cast<std::ptrdiff_t>(first), static_cast<std::ptrdiff_t>(last));
  kept.offsets = keep(all.offsets, static_cast<std::ptrdiff_t>(first), static_cast<std::ptrdiff_t>(last) + 1);
  for (std::uint64_t& offset : kept.offsets) offset -= static_cast<std::uint64_t>(begin);
  return kept;
}

LoadedPart read_file_part(const std::string& path, Format format, Part part) {
  const Text text(path);
  if (is_idx(text.view())) {
    refuse_other_format(path, Format::multiclass, format);
    LoadedPart images{read_idx(text, part), {}};
    images.facts.bytes = text.view().size();
    return images;
  }
  return format == Format::ratings ? read_ratings_part(text, part) : read_libsvm_part(text, format, part);
}

Columns read_file(const std::string& path, Format format) { return checked(read_file_part(path, format, {}), path, format); }

LoadedPart load_part(const std::string& source, const LoadOptions& options, Part part) {
  check_transforms(options);
  LoadedPart result = read_any(source, options.format, part);
  auto& [columns, facts] = result;
  columns.name = source;
  if (facts.fault_line > 0) return result;
  facts.examples = columns.examples();
  facts.nonzeros = columns.nonzeros();
  if (options.format == Format::multiclass) facts.classes = distinct_labels(columns.labels);
  if (options.transform == TransformName::log1p) facts.bad_value = first_without_log1p(columns);
  return result;
}

Columns settle(LoadedPart mine, std::span<const PartFacts> all, const LoadOptions& options) {
  Columns columns = std::move(mine.columns);
  check_facts(all, columns.name, options.format);
  leave_out_ones(columns, all);
  if (options.format == Format::multiclass) {
    std::vector<float> classes;
    for (const PartFacts& part : all) classes.insert(classes.end(), part.classes.begin(), part.classes.end());
    number_classes(columns, distinct_labels(classes));
  }
  for (const PartFacts& part : all)
    if (part.bad_value != 0)
      throw Error(fmt::format("--transform log1p needs values above -1, but {} holds {}; leave the transform out",
                              columns.name, part.bad_value));
  if (options.transform == TransformName::log1p) log1p_values(columns);
  if (options.normalize == NormalizeName::l2) scale_to_length_one(columns);
  return columns;
}

Columns load(const std::string& source, const LoadOptions& options) {
  LoadedPart whole = load_part(source, options, {});
  const PartFacts facts = whole.facts;
  return settle(std::move(whole), {&facts, 1}, options);
}

}  // namespace sounder
