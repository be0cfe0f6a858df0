// Generated sets with class labels: a hidden linear model, a share of whose labels is flipped.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "generators.hpp"
#include "parallel.hpp"
#include "zipf.hpp"

namespace sounder {
namespace {

using Kind = Settings::Kind;

constexpr std::size_t kBlock = 256;    // examples that are generated together
constexpr double kLengthSpread = 0.5;  // standard deviation of the logarithm of a text's length

float label_of(double score, double noise, Random& random) {
  const bool flipped = random.uniform() < noise;
  return (score > 0) != flipped ? 1.f : -1.f;
}

/// The expected share of the examples that hold a word of this rate, over the lengths of texts: 1 - E[exp(-rate *
/// length)], by eight equally likely lengths.
double share_of_examples(double rate) {
  static const std::array<double, 8> lengths = [] {
    std::array<double, 8> result{-1.534, -0.887, -0.489, -0.157, 0.157, 0.489, 0.887, 1.534};  // normal quantiles
    for (double& z : result) z = std::exp(kLengthSpread * z - kLengthSpread * kLengthSpread / 2);
    return result;
  }();
  double share = 0;
  for (const double length : lengths) share += (1 - std::exp(-rate * length)) / 8;
  return share;
}

/// The rate at which a word is in `share` of the examples.
double rate_for(double share) {
  double low = 0, high = 1e3;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (share_of_examples(middle) < share ? low : high) = middle;
  }
  return low;
}

/// What a text is made of.
struct Language {
  Zipf law;
  std::vector<std::uint32_t> ids;  ///< of each word, words by descending rate
  std::vector<float> weights;      ///< by id: what one occurrence counts
  std::vector<float> truth;        ///< by id: the hidden model
};

Language make_language(const Settings& settings) {
  const std::uint32_t features = settings.count("features");
  const double hottest = settings["hottest"], nonzeros = settings["nonzeros"];
  if (nonzeros <= hottest || nonzeros >= hottest * features)
    throw Error(
        fmt::format("synthetic:{}: nonzeros={} cannot be met with features={} and hottest={}; give fewer nonzeros "
                    "or more features",
                    settings.name(), nonzeros, features, hottest));
  Language language{Zipf(features, settings["exponent"], rate_for(hottest), nonzeros, share_of_examples),
                    random_ids(settings, features, 0), std::vector<float>(features), std::vector<float>(features)};
  const bool weighted = settings.name() == "rcv1";
  parallel_ranges(features, kBlock, [&](std::size_t first, std::size_t last) {
    for (std::size_t word = first; word < last; ++word) {
      const double share = share_of_examples(language.law.rate(static_cast<std::uint32_t>(word)));
      const std::uint32_t id = language.ids[word];
      language.weights[id] = weighted ? static_cast<float>(-std::log(share)) : 1.f;
      // A word that is everywhere tells nothing; this also keeps the classes even.
      language.truth[id] = static_cast<float>(settings.random(Kind::truth, id).normal() * std::sqrt(1 - share));
    }
  });
  return language;
}

/// Some examples in a row.
struct Piece {
  std::vector<std::uint32_t> ids;
  std::vector<float> values, labels;
  std::vector<std::uint64_t> ends;
};

void add_text(Piece& piece, const Language& language, const Settings& settings, std::uint64_t example,
              std::vector<std::uint32_t>& drawn) {
  Random random = settings.random(Kind::example, example);
  const double length = std::exp(kLengthSpread * random.normal() - kLengthSpread * kLengthSpread / 2);
  drawn.resize(
      std::max<std::size_t>(1, static_cast<std::size_t>(language.law.total_rate() * length + random.uniform())));
  for (std::uint32_t& id : drawn) id = language.ids[language.law.draw(random)];
  std::sort(drawn.begin(), drawn.end());

  const bool counted = settings.name() == "rcv1";
  const std::size_t first = piece.ids.size();
  double squares = 0, score = 0;
  for (std::size_t k = 0, next = 0; k < drawn.size(); k = next) {
    while (next < drawn.size() && drawn[next] == drawn[k]) ++next;
    const double count = counted && next - k > 1 ? 1 + std::log(static_cast<double>(next - k)) : 1;
    const double value = count * static_cast<double>(language.weights[drawn[k]]);
    piece.ids.push_back(drawn[k]);
    piece.values.push_back(static_cast<float>(value));
    squares += value * value;
    score += value * static_cast<double>(language.truth[drawn[k]]);
  }
  const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
  for (std::size_t k = first; k < piece.values.size(); ++k)
    piece.values[k] = static_cast<float>(static_cast<double>(piece.values[k]) * scale);
  piece.labels.push_back(label_of(score, settings["noise"], random));
  piece.ends.push_back(piece.ids.size());
}

Columns join(const std::vector<Piece>& pieces, std::size_t examples) {
  std::vector<std::size_t> starts(pieces.size() + 1);
  for (std::size_t p = 0; p < pieces.size(); ++p) starts[p + 1] = starts[p] + pieces[p].ids.size();
  Columns columns;
  columns.ids.resize(starts.back());
  columns.values.resize(starts.back());
  columns.labels.resize(examples);
  columns.offsets.resize(examples + 1);
  parallel_ranges(pieces.size(), 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t p = first; p < last; ++p) {
      const Piece& piece = pieces[p];
      std::copy(piece.ids.begin(), piece.ids.end(), columns.ids.data() + starts[p]);
      std::copy(piece.values.begin(), piece.values.end(), columns.values.data() + starts[p]);
      std::copy(piece.labels.begin(), piece.labels.end(), columns.labels.data() + p * kBlock);
      for (std::size_t i = 0; i < piece.ends.size(); ++i)
        columns.offsets[p * kBlock + i + 1] = starts[p] + piece.ends[i];
    }
  });
  return columns;
}

}  // namespace

Columns generate_text(const Settings& settings) {
  const std::size_t examples = settings.whole("examples");
  refuse_absurd(settings, settings["examples"] * (16 * settings["nonzeros"] + 24) + 40 * settings["features"]);
  const Language language = make_language(settings);
  std::vector<Piece> pieces((examples + kBlock - 1) / kBlock);
  parallel_ranges(pieces.size(), 1, [&](std::size_t first, std::size_t last) {
    std::vector<std::uint32_t> drawn;
    for (std::size_t p = first; p < last; ++p)
      for (std::size_t i = p * kBlock; i < std::min(examples, (p + 1) * kBlock); ++i)
        add_text(pieces[p], language, settings, i, drawn);
  });
  return join(pieces, examples);
}

Columns generate_cold(const Settings& settings) {
  const std::size_t examples = settings.whole("examples");
  const std::uint32_t features = settings.count("features"), nonzeros = settings.count("nonzeros");
  refuse_absurd(settings, settings["examples"] * (4 * settings["nonzeros"] + 4));
  if (nonzeros > features / 2)
    throw Error(fmt::format("synthetic:cold: nonzeros={} is more than half of features={}; give more features",
                            nonzeros, features));
  Columns columns;
  columns.width = nonzeros;
  columns.ids.resize(examples * nonzeros);
  columns.labels.resize(examples);
  parallel_ranges(examples, kBlock, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      Random random = settings.random(Kind::example, i);
      std::uint32_t* const begin = columns.ids.data() + i * nonzeros;
      std::uint32_t* const end = begin + nonzeros;
      for (std::uint32_t* unique = begin; unique < end;) {  // repeats are drawn again
        std::generate(unique, end, [&] { return static_cast<std::uint32_t>(random.below(features)); });
        std::sort(begin, end);
        unique = std::unique(begin, end);
      }
      double score = 0;
      for (const std::uint32_t* id = begin; id < end; ++id) score += settings.random(Kind::truth, *id).normal();
      columns.labels[i] = label_of(score, settings["noise"], random);
    }
  });
  return columns;
}

Columns generate_dense(const Settings& settings) {
  const std::size_t examples = settings.whole("examples");
  const std::uint32_t features = settings.count("features");
  refuse_absurd(settings, settings["examples"] * (4 * settings["features"] + 4));
  Columns columns;
  columns.width = features;
  columns.values.resize(examples * features);
  columns.labels.resize(examples);
  std::vector<double> truth(features);
  for (std::uint32_t k = 0; k < features; ++k) truth[k] = settings.random(Kind::truth, k).normal();
  parallel_ranges(examples, kBlock, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      Random random = settings.random(Kind::example, i);
      double score = 0;
      for (std::uint32_t k = 0; k < features; ++k) {
        const double value = random.normal();
        columns.values[i * features + k] = static_cast<float>(value);
        score += truth[k] * value;
      }
      columns.labels[i] = label_of(score, settings["noise"], random);
    }
  });
  return columns;
}

}  // namespace sounder
