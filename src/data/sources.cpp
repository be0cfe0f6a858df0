// The names of shipped and generated sets, and their keys.
#include "sources.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <sounder/data/generate.hpp>
#include <sounder/error.hpp>

#include "builtin.hpp"
#include "formats.hpp"

namespace sounder {
namespace {

constexpr std::string_view kBuiltin = "builtin:", kSynthetic = "synthetic:";

/// `NAME,key=value,key=value`.
struct Spec {
  std::string name;
  std::map<std::string, std::string> settings;
};

Spec parse_spec(const std::string& source, std::string_view prefix) {
  std::string_view rest = std::string_view(source).substr(prefix.size());
  const auto next = [&] {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    return word;
  };
  Spec spec{std::string(next()), {}};
  while (!rest.empty()) {
    const std::string_view word = next();
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string_view::npos || equals + 1 == word.size())
      throw Error(fmt::format("{}: \"{}\" is not key=value", source, word));
    if (!spec.settings.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
      throw Error(fmt::format("{}: {} is given twice", source, word.substr(0, equals)));
  }
  return spec;
}

Columns load_builtin(const std::string& source, Format format) {
  const Spec spec = parse_spec(source, kBuiltin);
  for (const auto& [key, value] : spec.settings)
    if (key != "part") throw Error(fmt::format("{}: there is no key {}; the only one is part", source, key));
  const auto part = spec.settings.find("part");
  return load_builtin(spec.name, part == spec.settings.end() ? std::string_view() : part->second, format);
}

double number(const std::string& source, const std::string& key, const std::string& text) {
  if (key == "part" && (text == "train" || text == "test")) return text == "test" ? 1 : 0;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end)
    throw Error(fmt::format("{}: {}={} is not a number{}", source, key, text, key == "part" ? ", train or test" : ""));
  return value;
}

Columns load_synthetic(const std::string& source, Format format) {
  const Spec spec = parse_spec(source, kSynthetic);
  std::map<std::string, double> settings;
  for (const auto& [key, text] : spec.settings) settings[key] = number(source, key, text);
  for (const Synthetic& set : synthetics())
    if (set.name == spec.name) refuse_other_format(source, set.format, format);
  return generate(spec.name, settings);
}

}  // namespace

std::optional<Columns> load_named(const std::string& source, Format format) {
  if (source.starts_with(kBuiltin)) return load_builtin(source, format);
  if (source.starts_with(kSynthetic)) return load_synthetic(source, format);
  return std::nullopt;
}

}  // namespace sounder
