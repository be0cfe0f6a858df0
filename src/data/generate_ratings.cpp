// Generated ratings: biases and factors of low rank, plus noise, rounded to 1 ... 5.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "generators.hpp"
#include "parallel.hpp"
#include "zipf.hpp"

namespace sounder {
namespace {

using Kind = Settings::Kind;

constexpr double kMean = 3.6, kBiasSpread = 0.4, kFactorSpread = 0.8;  // about those of the Netflix prize
constexpr double kBusiestUser = 20;                                    // in ratings of the mean user

/// Where the ratings of each user start: shares by the same law as items, rounded so that they add up to `examples`.
std::vector<std::size_t> starts_of_users(const Settings& settings) {
  const std::uint32_t users = settings.count("users");
  // Even the busiest user can rate no more than half of the items without the draws taking long.
  const double busiest =
      std::max(std::min(kBusiestUser / users, settings["items"] / (2 * settings["examples"])), 1.0 / users);
  const Zipf law(users, settings["exponent"], busiest, 1, [](double rate) { return rate; });
  std::vector<double> shares(users);
  const std::vector<std::uint32_t> ids = random_ids(settings, users, 0);
  for (std::uint32_t rank = 0; rank < users; ++rank) shares[ids[rank]] = law.rate(rank) / law.total_rate();
  std::vector<std::size_t> starts{0};
  double sum = 0;
  for (const double share : shares) {
    sum += share;
    starts.push_back(static_cast<std::size_t>(std::llround(std::min(sum, 1.0) * settings["examples"])));
  }
  starts.back() = settings.whole("examples");
  return starts;
}

/// The popularity of items. Nobody rates one twice, so that busy users rate hot items less than in proportion: an item
/// drawn at `rate` gets the share sum over users of (1 - exp(-rate * ratings of the user)) of all ratings.
Zipf popularity(const Settings& settings, const std::vector<std::size_t>& starts) {
  constexpr std::size_t kSample = 256;
  const std::size_t users = starts.size() - 1, sample = std::min(users, kSample);
  std::vector<double> counts(users);
  for (std::size_t user = 0; user < users; ++user) counts[user] = static_cast<double>(starts[user + 1] - starts[user]);
  std::sort(counts.begin(), counts.end());
  for (std::size_t k = 0; k < sample; ++k) counts[k] = counts[(2 * k + 1) * users / (2 * sample)];
  counts.resize(sample);
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  const auto share = [&](double rate) {
    double sum = 0;
    for (const double count : counts) sum += 1 - std::exp(-rate * count);
    return sum / all;
  };
  // Where there are few items, even the coldest has more than `hottest`: then all are equal.
  const double hottest = std::max(settings["hottest"], 1.0 / settings["items"]);
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) (share((low + high) / 2) < hottest ? low : high) = (low + high) / 2;
  return Zipf(settings.count("items"), settings["exponent"], high, 1, share);
}

/// A bias and `factors` factors, both of them standard normal.
void draw_truth(Random random, std::span<float> out) {
  for (float& value : out) value = static_cast<float>(random.normal());
}

float rating_of(std::span<const float> user, std::span<const float> item, double noise) {
  double dot = 0;
  for (std::size_t k = 1; k < user.size(); ++k) dot += static_cast<double>(user[k]) * static_cast<double>(item[k]);
  const double biases = static_cast<double>(user[0]) + static_cast<double>(item[0]);
  const double rating =
      kMean + kBiasSpread * biases + kFactorSpread * dot / std::sqrt(static_cast<double>(user.size() - 1)) + noise;
  return static_cast<float>(std::clamp(std::round(rating), 1.0, 5.0));
}

}  // namespace

Columns generate_ratings(const Settings& settings) {
  const std::size_t examples = settings.whole("examples");
  const std::uint32_t users = settings.count("users"), items = settings.count("items");
  const std::size_t width = settings.whole("factors") + 1;
  refuse_absurd(settings, 12 * settings["examples"] + 32 * settings["users"] +
                              settings["items"] * (32 + 4 * static_cast<double>(width)));
  if (examples > 1 && settings["examples"] > settings["users"] * settings["items"] / 2)
    throw Error(
        fmt::format("synthetic:{}: {} examples are more than half of {} users times {} items; give fewer examples",
                    settings.name(), examples, users, items));
  const std::vector<std::size_t> starts = starts_of_users(settings);

  const Zipf law = popularity(settings, starts);
  const std::vector<std::uint32_t> item_ids = random_ids(settings, items, 1);
  std::vector<float> truths(items * width);
  parallel_ranges(items, 256, [&](std::size_t first, std::size_t last) {
    for (std::size_t item = first; item < last; ++item)
      draw_truth(settings.random(Kind::item_truth, item), {truths.data() + item * width, width});
  });

  Columns columns;
  columns.width = columns.spaces = 2;
  columns.ids.resize(2 * examples);
  columns.labels.resize(examples);
  parallel_ranges(users, users / 64 + 1, [&](std::size_t first, std::size_t last) {
    std::vector<std::uint32_t> rated_by(items, users);  // the last user of this range who has rated the item
    std::vector<float> truth(width);
    for (std::size_t user = first; user < last; ++user) {
      draw_truth(settings.random(Kind::truth, user), truth);
      Random random = settings.random(Kind::example, user);
      for (std::size_t i = starts[user]; i < starts[user + 1]; ++i) {
        std::uint32_t item = item_ids[law.draw(random)];
        while (rated_by[item] == user) item = item_ids[law.draw(random)];
        rated_by[item] = static_cast<std::uint32_t>(user);
        columns.ids[2 * i] = static_cast<std::uint32_t>(user);
        columns.ids[2 * i + 1] = item;
        columns.labels[i] =
            rating_of(truth, {truths.data() + item * width, width}, settings["noise"] * random.normal());
      }
    }
  });
  return columns;
}

}  // namespace sounder
