// What a model is. The built-in models and an embedder's own are the same kind of plain struct.
#pragma once

#include <concepts>
#include <cstdint>

#include <sounder/data/dataset.hpp>
#include <sounder/params/access/frozen.hpp>
#include <sounder/params/access/relaxed.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/params/view.hpp>
#include <sounder/rule/sgd.hpp>

namespace sounder {

/// What the labels mean, hence how predictions are judged.
enum class Task {
  binary,      ///< labels -1 and +1; predict() is a margin, positive for +1: accuracy and AUC
  rating,      ///< labels are numbers; predict() is a number: root mean squared error
  multiclass,  ///< labels are 0, 1, ..., classes - 1; predict() is one of them: accuracy
};

template <class M>
constexpr int intercept_width() {
  if constexpr (requires { M::intercept; })
    return M::intercept.width;
  else
    return 1;
}
/// The view that a model is given.
template <class M, class Access>
using ViewOf = View<Access, ThreadLanes, intercept_width<M>()>;

/// A model is a trivially copyable struct with
///   layout(dataset)         the shapes of its tables
///   step(view, example)     states the gradient through the view; knows no rate, rule, thread or lane
///   loss(view, example)     the loss of one example, without L2
///   predict(view, example)  a margin or a number
/// and, where it helps,
///   kName                      what model files and records call it (default: "model")
///   kTask                      what the labels mean (default: Task::rating)
///   kArity                     every example has exactly this many ids and no values
///   intercept                  a table of one row, read by view.intercept()
///   prefetch(view, example)    asks for the rows of an example some steps ahead
///   touches(example, f)        f(table, row) for every row of a step: needed by `locked`; without it `cached` finds no
///                              hot rows and is `hogwild`
///   initialize(parameters, dataset, seed)   start values (default: 0)
///   penalty(parameters)        the L2 part of the objective
///   project(table, row)        puts the weights of a row (a span of floats) back into their convex set: for modes that
///                              gather gradients, whose steps cannot do it
///   answer(prediction)         what a user wants to see of a prediction: a probability, a class, a rating
///   kTile, tile, step_tile(view, examples)  if `tile` is true, steps on kTile examples at once (kTile divides 16): rows
///                              are read once for all of them; not under locks
///   default_step(dataset)      a step size that is good without tuning
template <class M>
concept Model = std::is_trivially_copyable_v<M> &&
    requires(const M model, ViewOf<M, Relaxed<Sgd>> view, ViewOf<M, Frozen> frozen, const Example x, const Dataset& data) {
  { model.layout(data) } -> std::convertible_to<Layout>;
  model.step(view, x);
  { model.loss(frozen, x) } -> std::convertible_to<double>;
  { model.predict(frozen, x) } -> std::convertible_to<double>;
};

}  // namespace sounder
