#include <sounder/train/staleness_law.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sounder/error.hpp>

namespace sounder {
namespace {

constexpr std::uint64_t kMost = 1'000'000'000;  ///< a tau or a mean; any run is shorter

using Counts = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value <= static_cast<Number>(kMost)))
    return {};
  return value;
}

[[noreturn]] void refuse(const std::string& text, const char* mend) {
  throw Error(fmt::format("--tau \"{}\" cannot be used: give {}", text, mend));
}

/// The histogram of one record, empty if it has none.
Counts counts_of(const nlohmann::json& record, const std::string& path) {
  Counts counts;
  try {
    if (!record.is_object() || !record.contains("staleness") || !record["staleness"].is_object()) return counts;
    for (const auto& pair : record["staleness"].value("histogram", nlohmann::json::array())) {
      if (!pair.at(0).is_number_unsigned() || !pair.at(1).is_number_unsigned()) throw std::out_of_range("sign");
      counts.emplace_back(pair.at(0).get<std::uint64_t>(), pair.at(1).get<std::uint64_t>());
    }
  } catch (const std::exception&) {
    throw Error(fmt::format("{}: the staleness histogram is no list of [tau, count]: give the records of a run", path));
  }
  return counts;
}

Counts read_counts(const std::string& path) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path))
    throw Error(
        fmt::format("cannot open the histogram {}: {}", path, file ? "it is a directory" : std::strerror(errno)));
  Counts counts;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.starts_with('{')) {
      const auto record = nlohmann::json::parse(line, nullptr, false);
      if (record.is_discarded()) throw Error(fmt::format("{}:{}: not a JSON record: write one a line", path, number));
      if (Counts found = counts_of(record, path); !found.empty()) counts = std::move(found);
      continue;
    }
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string first, second, more;
    if (!(words >> first)) continue;
    words >> second;
    const auto tau = number_of<std::uint64_t>(first), count = number_of<std::uint64_t>(second);
    if (!tau || !count || words >> more)
      throw Error(fmt::format("{}:{}: not \"tau count\", two whole numbers from 0 to {}", path, number, kMost));
    counts.emplace_back(*tau, *count);
  }
  return counts;
}

}  // namespace

StalenessLaw StalenessLaw::uniform(std::uint64_t low, std::uint64_t high) {
  StalenessLaw law;
  law.low_ = std::min(low, high);
  law.high_ = std::max(low, high);
  return law;
}

StalenessLaw StalenessLaw::geometric(double mean) {
  StalenessLaw law;
  law.name_ = TauName::geometric;
  law.mean_ = mean;
  return law;
}

StalenessLaw StalenessLaw::histogram(Counts counts) {
  StalenessLaw law;
  law.name_ = TauName::histogram;
  std::ranges::sort(counts);
  std::uint64_t sum = 0;
  for (const auto& [tau, count] : counts)
    if (count > 0) law.sums_.emplace_back(tau, sum += count);
  if (sum == 0) throw Error("the histogram of staleness counts nothing: give one with a count above 0");
  return law;
}

StalenessLaw StalenessLaw::parse(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto name = from_name(kTaus, std::string_view(text).substr(0, colon));
  if (!name || colon == text.size()) refuse(text, "fixed:N, uniform:LO..HI, geometric:MEAN or histogram:FILE");
  const std::string argument = text.substr(colon + 1);
  switch (*name) {
    case TauName::fixed:
      if (const auto tau = number_of<std::uint64_t>(argument)) return fixed(*tau);
      refuse(text, "fixed:N, N a whole number of updates");
    case TauName::uniform: {
      const std::size_t dots = std::min(argument.find(".."), argument.size());
      const auto low = number_of<std::uint64_t>(argument.substr(0, dots));
      const auto high = number_of<std::uint64_t>(argument.substr(std::min(dots + 2, argument.size())));
      if (low && high && *low <= *high) return uniform(*low, *high);
      refuse(text, "uniform:LO..HI, two whole numbers of updates, LO at most HI");
    }
    case TauName::geometric:
      if (const auto mean = number_of<double>(argument)) return geometric(*mean);
      refuse(text, "geometric:MEAN, a number of updates");
    case TauName::histogram:
      break;
  }
  const Counts counts = read_counts(argument);
  if (counts.empty())
    throw Error(fmt::format(
        "{} holds no histogram of staleness: give lines of \"tau count\", or the records of a run that has one",
        argument));
  return histogram(counts);
}

std::uint64_t StalenessLaw::draw(Random& random) const {
  if (name_ == TauName::geometric)  // the inverse of its distribution function
    return static_cast<std::uint64_t>(std::min(
        static_cast<double>(kMost), std::floor(std::log(1 - random.uniform()) / std::log(mean_ / (1 + mean_)))));
  if (name_ == TauName::histogram) {
    const std::uint64_t at = random.below(sums_.back().second);
    return std::ranges::upper_bound(sums_, at, {}, [](const auto& pair) { return pair.second; })->first;
  }
  return low_ + random.below(high_ - low_ + 1);
}

double StalenessLaw::mean() const {
  if (name_ == TauName::geometric) return mean_;
  if (name_ != TauName::histogram) return static_cast<double>(low_ + high_) / 2;
  double sum = 0;
  std::uint64_t before = 0;
  for (const auto& [tau, up_to] : sums_) {
    sum += static_cast<double>(tau) * static_cast<double>(up_to - before);
    before = up_to;
  }
  return sum / static_cast<double>(before);
}

}  // namespace sounder
