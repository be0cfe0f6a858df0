// The shipped sets: found at run time, split into fixed parts.
#include "builtin.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "formats.hpp"
#include "text.hpp"

namespace sounder {
namespace {

struct Shipped {
  Builtin about;
  std::string_view file;
  std::size_t period;  ///< the last of every `period` examples is for testing
};

constexpr Shipped kShipped[] = {
    {{"spam", Format::classification,
      "6,046 e-mails, spam +1 or not -1: counts of 14,576 words (use --transform log1p --normalize l2)"},
     "spam.svm.xz",
     5},
    {{"ratings", Format::ratings, "73,421 ratings 1 to 5 of 1,128 lecturers by 2,972 students of ETH Zurich"},
     "ratings.tsv.xz",
     10},
    {{"fashion", Format::multiclass, "3,600 images of clothes of 10 kinds, of 28 x 28 pixels, from Fashion-MNIST"},
     "fashion-images-idx3-ubyte.xz",
     6},
};

std::string find(std::string_view file) {
  std::vector<std::filesystem::path> folders;
  if (const char* folder = std::getenv("SOUNDER_DATA"); folder && *folder) folders.emplace_back(folder);
#ifdef SOUNDER_SOURCE_DATA_DIR
  folders.emplace_back(SOUNDER_SOURCE_DATA_DIR);
#endif
#ifdef SOUNDER_INSTALL_DATA_DIR
  folders.emplace_back(SOUNDER_INSTALL_DATA_DIR);
#endif
  std::string looked;
  for (const auto& folder : folders) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / file, ignored)) return (folder / file).string();
    looked += fmt::format("{}{}", looked.empty() ? "" : ", ", folder.string());
  }
  throw Error(fmt::format("the shipped file {} is not in {}; set SOUNDER_DATA to the folder that holds it", file,
                          looked.empty() ? "any known folder" : looked));
}

/// The examples whose number modulo `period` is (test) or is not (train) the last.
Columns part_of(const Columns& all, std::size_t period, bool test) {
  Columns part;
  part.width = all.width;
  part.spaces = all.spaces;
  if (!all.offsets.empty()) part.offsets.push_back(0);
  for (std::size_t i = 0; i < all.examples(); ++i) {
    if ((i % period == period - 1) != test) continue;
    const std::size_t begin = all.offsets.empty() ? i * all.width : all.offsets[i];
    const std::size_t end = all.offsets.empty() ? begin + all.width : all.offsets[i + 1];
    if (!all.ids.empty()) part.ids.insert(part.ids.end(), all.ids.data() + begin, all.ids.data() + end);
    if (!all.values.empty()) part.values.insert(part.values.end(), all.values.data() + begin, all.values.data() + end);
    part.labels.push_back(all.labels[i]);
    if (!all.offsets.empty()) part.offsets.push_back(part.ids.size());
  }
  return part;
}

}  // namespace

std::span<const Builtin> builtins() {
  static const std::vector<Builtin> all = [] {
    std::vector<Builtin> list;
    for (const Shipped& shipped : kShipped) list.push_back(shipped.about);
    return list;
  }();
  return all;
}

Columns load_builtin(std::string_view name, std::string_view part, Format format) {
  const Shipped* const shipped =
      std::find_if(std::begin(kShipped), std::end(kShipped), [&](const Shipped& s) { return s.about.name == name; });
  if (shipped == std::end(kShipped)) {
    std::string names;
    for (const Shipped& known : kShipped) names += fmt::format("{}{}", names.empty() ? "" : ", ", known.about.name);
    throw Error(fmt::format("builtin:{}: there is no such set; give one of {}", name, names));
  }
  refuse_other_format(fmt::format("builtin:{}", name), shipped->about.format, format);
  if (!part.empty() && part != "train" && part != "test")
    throw Error(fmt::format("builtin:{},part={}: the parts are train and test", name, part));
  Columns all = read_file(find(shipped->file), shipped->about.format);
  return part.empty() ? all : part_of(all, shipped->period, part == "test");
}

}  // namespace sounder
