// Matrix factorization with biases (Koren, Bell, Volinsky 2009), on ratings (user, item, rating).
#pragma once

#include <sounder/model/model.hpp>

namespace sounder {

namespace mf {
Layout layout(const Dataset& data, int width);
/// Mean rating, random factors, zero biases. `factors` <= width: the slots above stay 0 for ever.
void initialize(Parameters& parameters, const Dataset& data, int factors, std::uint64_t seed);
double penalty(const Parameters& parameters, const Dataset& data, float l2);
}  // namespace mf

/// rating = mean + bias of the user + bias of the item + user factors . item factors.
///
/// A row is W floats; two of them belong to the biases: slot W-2 of a user's row is the user's bias, slot W-1
/// of an item's row the item's bias. The 1 that a bias is multiplied by is overlaid in registers, so the other
/// side's slot stays 0 in memory (a constant parked there would collect false gradients).
/// Objective: mean over the ratings of (error^2 + l2 (|p_user|^2 + |q_item|^2)) / 2, the weighted form of Zhou
/// et al. 2008 that LIBMF minimizes too (docs/adr/0004).
template <int W>
struct MatrixFactorization {
  static constexpr Table<W, 0> users{};
  static constexpr Table<W, 1> items{};
  static constexpr Table<1, 2> intercept{};  ///< the mean rating
  static constexpr Task kTask = Task::rating;
  static constexpr const char* kName = "mf";
  static constexpr int kArity = 2;
  static constexpr auto owned = users;  ///< every example touches exactly one of its rows: dealt by these, no two sides train the same row

  float l2 = 0;
  int factors = W;
  const Dataset* data = nullptr;  ///< frequencies for the penalty

  Layout layout(const Dataset& dataset) const { return mf::layout(dataset, W); }
  void initialize(Parameters& parameters, const Dataset& dataset, std::uint64_t seed) const {
    mf::initialize(parameters, dataset, factors, seed);
  }

  template <class V>
  SOUNDER_INLINE void prefetch(V& view, const Example& x) const {
    view.prefetch(users, x.ids[0]);
    view.prefetch(items, x.ids[1]);
  }
  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    const auto p = view.read(users, x.ids[0]);
    const auto q = view.read(items, x.ids[1]);
    auto toward_p = q, toward_q = p;  // the gradient of p is error * (q, with 1 in the place of p's bias)
    toward_p.put(W - 2, 1.f);
    toward_q.put(W - 1, 1.f);
    const float error = view.intercept() + view.dot(toward_p, toward_q) - x.label;
    toward_p.put(W - 1, 0.f);
    toward_q.put(W - 2, 0.f);
    view.descend(users, x.ids[0], p, l2, error, toward_p);
    view.descend(items, x.ids[1], q, l2, error, toward_q);
  }
  template <class V>
  SOUNDER_INLINE double predict(V& view, const Example& x) const {
    auto p = view.read(users, x.ids[0]);
    auto q = view.read(items, x.ids[1]);
    p.put(W - 1, 1.f);
    q.put(W - 2, 1.f);
    return static_cast<double>(view.intercept()) + static_cast<double>(view.dot(p, q));
  }
  template <class V>
  SOUNDER_INLINE double loss(V& view, const Example& x) const {
    const double error = predict(view, x) - static_cast<double>(x.label);
    return error * error / 2;
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    f(0, x.ids[0]);
    f(1, x.ids[1]);
  }
  double penalty(const Parameters& parameters) const { return mf::penalty(parameters, *data, l2); }
  double default_step(const Dataset&) const { return 0.02; }
};

}  // namespace sounder
