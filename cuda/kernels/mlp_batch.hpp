// A mini-batch of a multilayer perceptron: what is done element by element, and the order of that and of the products of matrices between.
// The model of src/include/sounder/model/mlp.hpp, whose step_tile() does the same for a few examples on a CPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <sounder/model/mlp.hpp>
#include <sounder/rule/sgd.hpp>

#include "batch.hpp"
#include "device/segment.hpp"

namespace sounder::cuda {

/// Where a stream is. In device memory: a batch is launched as it was captured, so what changes from one to the next stands there.
struct BatchCursor {
  Segment segment;
  std::uint32_t next = 0;  ///< of the segment's batches
};

/// c = a b, all row by row; a or b is stored transposed where so said.
struct Product {
  const float* a;
  const float* b;
  float* c;
  int rows, columns, inner;
  bool a_transposed = false, b_transposed = false;
};

/// The same for a library that goes column by column, to which all matrices are their transposes: c' = b' a'. Arguments of sgemm.
struct ColumnProduct {
  int a_transposed, b_transposed;
  int rows, columns, inner;
  const float* a;
  int a_stride;
  const float* b;
  int b_stride;
  float* c;
  int c_stride;
};
inline ColumnProduct by_columns(const Product& p) {
  return {.a_transposed = p.b_transposed, .b_transposed = p.a_transposed, .rows = p.columns, .columns = p.rows, .inner = p.inner,
          .a = p.b, .a_stride = p.b_transposed ? p.inner : p.columns, .b = p.a, .b_stride = p.a_transposed ? p.rows : p.inner,
          .c = p.c, .c_stride = p.columns};
}

/// Element by element. Each ends before what follows begins.
enum class Part { lay, take, activate, compare, mask, apply };

/// The memory of one stream's batches, all on the device.
struct MlpBatch {
  static constexpr int kClasses = mlp::kClasses;

  BatchShape shape{};
  Cells cells{};
  BatchCursor* cursor = nullptr;
  float *x = nullptr, *units = nullptr, *scores = nullptr, *back = nullptr;           ///< a row an example
  float *of_inputs = nullptr, *of_intercept = nullptr, *of_outputs = nullptr;         ///< sums of gradients, as the tables are
  float *labels = nullptr, *ones = nullptr;                                           ///< of the examples; labels < 0: there is none

  SOUNDER_INLINE std::size_t batch() const { return static_cast<std::size_t>(shape.batch); }
  SOUNDER_INLINE std::size_t inputs() const { return static_cast<std::size_t>(shape.inputs); }
  SOUNDER_INLINE std::size_t width() const { return static_cast<std::size_t>(shape.width); }

  /// Gives each its place, on whole blocks, and says how many floats all take. `at`: where they begin, aligned to blocks.
  std::size_t place(float* at) {
    float* const begin = at;
    const auto next = [&](std::size_t floats) { return std::exchange(at, at + (floats + kBlockFloats - 1) / kBlockFloats * kBlockFloats); };
    x = next(batch() * inputs()), units = next(batch() * width()), scores = next(batch() * kClasses), back = next(batch() * width());
    of_inputs = next(inputs() * width()), of_intercept = next(width()), of_outputs = next((width() + 1) * kClasses);
    labels = next(batch()), ones = next(batch());
    return static_cast<std::size_t>(at - begin);
  }
  std::size_t floats() const { return MlpBatch{.shape = shape}.place(nullptr); }

  /// Elements of a part.
  SOUNDER_INLINE std::size_t elements(Part part) const {
    switch (part) {
      case Part::lay: return batch() * inputs();
      case Part::take:
      case Part::compare: return batch();
      case Part::activate:
      case Part::mask: return batch() * width();
      case Part::apply: return inputs() * width() + width() + (width() + 1) * kClasses;
    }
    return 0;
  }

  /// Element i of a part. Access: get(cell) and add_one(cell, change) of parameters.
  template <class Access>
  SOUNDER_INLINE void run(Part part, std::size_t i, const Access& access) const {
    switch (part) {
      case Part::lay: lay(i); break;
      case Part::take: take(i); break;
      case Part::activate: units[i] = std::fmax(units[i] + access.get(cells.read[1] + i % width()), 0.f); break;
      case Part::compare: compare(i, access); break;
      case Part::mask: back[i] = units[i] > 0 ? back[i] : 0.f; break;
      case Part::apply: apply(i, access); break;
    }
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  /// The number of example `row` of the batch; kNone behind the last, or in a chunk that is short.
  SOUNDER_INLINE std::size_t example_of(std::size_t row) const {
    const Segment& segment = cursor->segment;
    const std::size_t at = cursor->next * batch() + row, place = at / segment.per_chunk;
    if (place >= segment.chunks) return kNone;
    const std::size_t example = segment.order[segment.first + place] * segment.per_chunk + at % segment.per_chunk;
    return example < segment.examples.count ? example : kNone;
  }
  /// A feature of an example, where all examples have all; else 0.
  SOUNDER_INLINE void lay(std::size_t i) const {
    const Examples& examples = cursor->segment.examples;
    const std::size_t example = example_of(i / inputs()), feature = i % inputs();
    x[i] = !examples.ids && example != kNone && feature < examples.width ? examples.values[example * examples.width + feature] : 0.f;
  }
  /// The answer of an example, and its features where each has its own.
  SOUNDER_INLINE void take(std::size_t row) const {
    const Examples& examples = cursor->segment.examples;
    const std::size_t example = example_of(row);
    labels[row] = example != kNone ? examples.labels[example] : -1.f;
    if (example == kNone || !examples.ids) return;
    const Example e = examples[example];
    for (std::uint32_t j = 0; j < e.size; ++j) x[row * inputs() + e.ids[j]] += e.values ? e.values[j] : 1.f;
  }
  /// Scores without bias become the gradient in them: softmax less the answer.
  template <class Access>
  SOUNDER_INLINE void compare(std::size_t row, const Access& access) const {
    float* const s = scores + row * kClasses;
    const float* const bias = cells.read[2] + width() * kClasses;
    float most = -1e30f, sum = 0;
    for (int k = 0; k < shape.classes; ++k) most = std::fmax(most, s[k] += access.get(bias + k));
    for (int k = 0; k < shape.classes; ++k) sum += s[k] = std::exp(s[k] - most);
    const bool is = labels[row] >= 0;
    for (int k = 0; k < kClasses; ++k) s[k] = is && k < shape.classes ? s[k] / sum - (k == static_cast<int>(labels[row]) ? 1.f : 0.f) : 0.f;
  }
  /// One step of the rule sgd with the sum of the gradients. The penalty is that of batch() examples, each of them on all weights: on average what
  /// single steps take from the rows that their examples touch. Biases have none, and the hidden one is thinned as an intercept.
  template <class Access>
  SOUNDER_INLINE void apply(std::size_t i, const Access& access) const {
    if (i == 0) ++cursor->next;
    const float penalty = shape.l2 * static_cast<float>(shape.batch);
    const std::size_t of_first = inputs() * width();
    if (i < of_first) return step(access, cells.write[0] + i, of_inputs[i], penalty);
    if (i < of_first + width()) return step(access, cells.write[1] + (i - of_first), of_intercept[i - of_first] / kThinning, 0);
    const std::size_t j = i - of_first - width();
    step(access, cells.write[2] + j, of_outputs[j], j < width() * kClasses ? penalty : 0.f);
  }
  template <class Access>
  SOUNDER_INLINE void step(const Access& access, float* cell, float gradient, float penalty) const {
    const Sgd rule{.rate = cursor->segment.rate};
    const float change = rule.delta(penalty == 0 ? 0.f : access.get(cell), penalty, 1.f, gradient);
    if (change != 0) access.add_one(cell, change);
  }
  static constexpr int kThinning = 16;  ///< as of views
};

/// One batch. Run: part(Part) and product(const Product&), each in order.
template <class Run>
void step_on_batch(const MlpBatch& b, Run&& run) {
  constexpr int kClasses = MlpBatch::kClasses;
  const auto [batch, inputs, width, classes, l2] = b.shape;
  run.part(Part::lay);
  run.part(Part::take);
  run.product({.a = b.x, .b = b.cells.read[0], .c = b.units, .rows = batch, .columns = width, .inner = inputs});
  run.part(Part::activate);
  run.product({.a = b.units, .b = b.cells.read[2], .c = b.scores, .rows = batch, .columns = kClasses, .inner = width});
  run.part(Part::compare);
  run.product({.a = b.scores, .b = b.cells.read[2], .c = b.back, .rows = batch, .columns = width, .inner = kClasses, .b_transposed = true});
  run.part(Part::mask);
  run.product({.a = b.units, .b = b.scores, .c = b.of_outputs, .rows = width, .columns = kClasses, .inner = batch, .a_transposed = true});
  run.product({.a = b.ones, .b = b.scores, .c = b.of_outputs + width * kClasses, .rows = 1, .columns = kClasses, .inner = batch});
  run.product({.a = b.ones, .b = b.back, .c = b.of_intercept, .rows = 1, .columns = width, .inner = batch});
  run.product({.a = b.x, .b = b.back, .c = b.of_inputs, .rows = inputs, .columns = width, .inner = batch, .a_transposed = true});
  run.part(Part::apply);
}

inline std::size_t batches_of(const Segment& segment, const BatchShape& shape) {
  const auto batch = static_cast<std::size_t>(shape.batch);
  return (segment.chunks * segment.per_chunk + batch - 1) / batch;
}

}  // namespace sounder::cuda
