// The loss of a distribution over classes: -log softmax(scores)[label], for every model that ends in scores of classes.
#pragma once

#include <cmath>

#include <sounder/params/row.hpp>

/// Scores are rows, or sums of rows, of which the first `classes` elements count.
namespace sounder::cross_entropy {

/// The gradient in the scores, softmax(scores) - unit(label). 0 behind the classes, so that weights there stay 0.
template <int W, class Lanes>
SOUNDER_INLINE Row<W, Lanes> gradient(Row<W, Lanes> scores, int classes, float label) {
  constexpr float kVanishes = -1e30f;  // its exp is 0
  scores = scores.head(classes, kVanishes);
  const float most = max(scores);  // taken away first, so that exp cannot overflow
  SOUNDER_UNROLL for (auto& strip : scores.strip) strip = strip - most;
  const Row<W, Lanes> powers = exp(scores);
  return (1.f / sum(powers)) * powers - Row<W, Lanes>::unit(static_cast<int>(label));
}

/// The class with the highest score, the first of equals.
template <class Scores>
int best(const Scores& scores, int classes) {
  int best = 0;
  for (int i = 1; i < classes; ++i)
    if (scores.get(i) > scores.get(best)) best = i;
  return best;
}

template <class Scores>
double loss(const Scores& scores, int classes, float label) {
  const double most = static_cast<double>(scores.get(best(scores, classes)));
  double sum = 0;
  for (int i = 0; i < classes; ++i) sum += std::exp(static_cast<double>(scores.get(i)) - most);
  return std::log(sum) + most - static_cast<double>(scores.get(static_cast<int>(label)));
}

}  // namespace sounder::cross_entropy
