// The table of generated sets and the check of their settings.
#include <sounder/data/generate.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "generators.hpp"

namespace sounder {
namespace {

struct Key {
  std::string_view name;
  double least, most;
  bool whole;
};

constexpr double kMostIds = 4294967294.0;
constexpr Key kKeys[] = {
    {"examples", 1, kMostIds, true}, {"features", 1, kMostIds, true}, {"users", 1, kMostIds, true},
    {"items", 1, kMostIds, true},    {"nonzeros", 1, 1e6, true},      {"exponent", 0, 10, false},
    {"hottest", 1e-9, 0.99, false},  {"noise", 0, 10, false},         {"factors", 1, 1024, true},
    {"width", 1, 65536, true},       {"height", 1, 65536, true},      {"labels", 2, 1024, true},
    {"smooth", 0, 1e6, false},       {"seed", 0, 0x1p53, true},       {"part", 0, 1, true},
};

struct Entry {
  Synthetic about;
  Columns (*make)(const Settings&);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{"rcv1",
        Format::classification,
        "news text as in RCV1: tf-idf values, length 1; the hottest word is in 44 % of the examples",
        {{"examples", 50000},
         {"features", 47236},
         {"nonzeros", 73},
         {"exponent", 1},
         {"hottest", 0.44},
         {"noise", 0.05},
         {"seed", 1},
         {"part", 0}},
        {200, 700},
        {0.42, 0.46},
        {3, 9}},
       generate_text},
      {{"netflix",
        Format::ratings,
        "ratings 1 to 5 in the proportions of the Netflix prize, of low rank plus noise; the hottest item has 0.23 %",
        {{"examples", 1000000},
         {"users", 20000},
         {"items", 4000},
         {"exponent", 1},
         {"hottest", 0.0023},
         {"factors", 8},
         {"noise", 0.5},
         {"seed", 1},
         {"part", 0}},
        {2, 2},
        {0.0021, 0.0025},
        {0.0005, 0.002}},
       generate_ratings},
      {{"zipf",
        Format::classification,
        "words by Zipf's law, present or not, length 1; very hot heads: the hottest word is nearly everywhere",
        {{"examples", 40000},
         {"features", 47236},
         {"nonzeros", 80},
         {"exponent", 1},
         {"hottest", 0.95},
         {"noise", 0.05},
         {"seed", 1},
         {"part", 0}},
        {200, 700},
        {0.93, 0.97},
        {8, 20}},
       generate_text},
      {{"cold",
        Format::classification,
        "features drawn evenly, all values 1: lock-free workers hardly ever meet",
        {{"examples", 50000}, {"features", 100000}, {"nonzeros", 20}, {"noise", 0.05}, {"seed", 1}, {"part", 0}},
        {20, 20},
        {0.0002, 0.001},
        {0.003, 0.006}},
       generate_cold},
      {{"dense",
        Format::classification,
        "dense examples of standard normal values: every worker touches every weight",
        {{"examples", 20000}, {"features", 54}, {"noise", 0.05}, {"seed", 1}, {"part", 0}},
        {54, 54},
        {1, 1},
        {54, 54}},
       generate_dense},
      {{"grid-cut",
        Format::cut,
        "the noisy image of a disc as a graph cut: a terminal a pixel, an edge between neighbours",
        {{"width", 128}, {"height", 128}, {"labels", 2}, {"noise", 0.2}, {"smooth", 0.5}, {"seed", 1}},
        {2, 2},
        {0.0001, 0.00011},
        {0.00016, 0.00018}},
       generate_grid},
  };
  return all;
}

template <class Range, class Name>
std::string list(const Range& range, const Name& name) {
  std::string result;
  for (const auto& entry : range) result += fmt::format("{}{}", result.empty() ? "" : ", ", name(entry));
  return result;
}

void check(std::string_view set, std::string_view key, double value, const Synthetic& about) {
  if (!about.defaults.contains(key))
    throw Error(fmt::format("synthetic:{}: there is no key {}; the keys are {}", set, key,
                            list(about.defaults, [](const auto& entry) { return entry.first; })));
  const Key& known = *std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == key; });
  const double most = key == "noise" && about.format != Format::ratings ? 0.5 : known.most;
  if (!(value >= known.least && value <= most) || (known.whole && value != std::floor(value)))
    throw Error(fmt::format("synthetic:{}: {}={} is not a {}number from {} to {}", set, key, value,
                            known.whole ? "whole " : "", known.least, most));
}

}  // namespace

std::span<const Synthetic> synthetics() {
  static const std::vector<Synthetic> all = [] {
    std::vector<Synthetic> sets;
    for (const Entry& entry : entries()) sets.push_back(entry.about);
    return sets;
  }();
  return all;
}

Columns generate(std::string_view name, const std::map<std::string, double>& settings) {
  const auto found =
      std::find_if(entries().begin(), entries().end(), [&](const Entry& entry) { return entry.about.name == name; });
  if (found == entries().end())
    throw Error(fmt::format("synthetic:{}: there is no such set; give one of {}", name,
                            list(synthetics(), [](const Synthetic& set) { return set.name; })));
  auto values = found->about.defaults;
  for (const auto& [key, value] : settings) {
    check(name, key, value, found->about);
    values.find(key)->second = value;
  }
  Columns columns = found->make(Settings(std::string(name), std::move(values)));
  columns.name = fmt::format("synthetic:{}", name);
  return columns;
}

void refuse_absurd(const Settings& settings, double bytes) {
  constexpr double kGiB = 0x1p30, kMost = 64;
  if (bytes > kMost * kGiB)
    throw Error(fmt::format("synthetic:{}: these settings need about {:.0f} GiB of memory; ask for less than {}",
                            settings.name(), bytes / kGiB, kMost));
}

std::vector<std::uint32_t> random_ids(const Settings& settings, std::uint32_t size, std::uint64_t which) {
  std::vector<std::uint32_t> ids(size);
  std::iota(ids.begin(), ids.end(), 0u);
  Random random = settings.random(Settings::Kind::order, which);
  for (std::uint32_t left = size; left > 1; --left) std::swap(ids[left - 1], ids[random.below(left)]);
  return ids;
}

}  // namespace sounder
