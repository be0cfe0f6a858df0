#include <sounder/params/gradient.hpp>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

/// One step of the rule on each cell of a row. V by V: rows of width 1 have one cell, the others whole strips; the sums
/// may lie anywhere.
template <class V, class Rule>
void step_row(const Relaxed<Rule>& access, float* cell, const float* sum, std::size_t width, float a, float scale) {
  for (std::size_t i = 0; i < width; i += sizeof(V) / sizeof(float)) {
    V x;
    std::memcpy(&x, sum + i, sizeof x);
    access.template move<V>(cell + i, width, access.template get<V>(cell + i), a * scale, scale, x);
  }
}

/// f(RowGradient) of a row that steps, one after the other: `each(step)` calls it.
template <class F>
void step_each(const Kernel& kernel, const StepContext& context, F each) {
  with_rule(kernel.rule, [&](auto rule) {
    using Rule = decltype(rule);
    const Relaxed<Rule> access{rule_with<Rule>(context.rate, context.l1)}, free{rule_with<Rule>(context.rate, 0)};
    each([&](const RowGradient& gradient) {
      const RowId row = gradient.row;
      const Layout& layout = kernel.layout;
      const auto width = static_cast<std::size_t>(layout.shape(row.table).width);
      float* const cell = context.cells.write[row.table] + row.row * layout.stride(row.table);
      const auto& used = layout.shape(row.table).space >= 0 ? access : free;  // no L1 on an intercept
      if (width == 1)
        step_row<float>(used, cell, gradient.sum, 1, gradient.decay, gradient.scale);
      else
        step_row<ThreadLanes::F>(used, cell, gradient.sum, width, gradient.decay, gradient.scale);
      if (kernel.project) project_row(kernel, row.table, cell);
    });
  });
}

}  // namespace

void step_rows(const Kernel& kernel, const StepContext& context, std::span<const RowGradient> rows) {
  step_each(kernel, context, [&](auto step) {
    for (const RowGradient& row : rows) step(row);
  });
}

void project_row(const Kernel& kernel, std::uint32_t table, float* row) {
  thread_local std::vector<float> weights;
  weights.resize(static_cast<std::size_t>(kernel.layout.shape(table).width));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = shared_cell::get<float>(row + i);
  kernel.project(static_cast<int>(table), weights);
  for (std::size_t i = 0; i < weights.size(); ++i) shared_cell::put<float>(row + i, weights[i]);
}

Gradient::Gradient(const Kernel& kernel) : kernel_(&kernel), sums_(kernel.layout.with_states(Gather::kStates)) {
  if (!kernel.list) throw Error(fmt::format("model {} cannot gather gradients: give it a touches(example, f)", kernel.name));
  for (std::size_t table = 0; table < kernel.layout.tables(); ++table) marked_.emplace_back(kernel.layout.shape(table).rows);
}

void Gradient::mark(RowId row) {
  std::uint8_t& marked = marked_[row.table][row.row];
  if (!marked) rows_.push_back(row);
  marked = 1;
}

void Gradient::collect(const StepContext& context, const Examples& examples, std::size_t begin, std::size_t end) {
  StepContext gathering = context;
  for (std::size_t table = 0; table < kernel_->layout.tables(); ++table) gathering.cells.write[table] = sums_.cells().write[table];
  kernel_->step_of(AccessKind::gather)(kernel_->model.get(), gathering, examples, begin, end);
  touched_.clear();
  kernel_->list(kernel_->model.get(), examples, begin, end, touched_);
  for (const RowId row : touched_) mark(row);
  thinned_ += end - begin;
  if (thinned_ >= View<Gather>::kThinning) close_intercept();
}

void Gradient::close_intercept() {
  if (kernel_->intercept_table >= 0 && thinned_ > 0) mark({static_cast<std::uint32_t>(kernel_->intercept_table), 0});
  thinned_ = 0;
}

void Gradient::apply(const StepContext& context, std::span<const RowId> rows, const std::vector<std::vector<float>>* scale) const {
  step_each(*kernel_, context, [&](auto step) {
    for (const RowId row : rows) {
      const float* const sum = sums(row).data();
      const auto width = static_cast<std::size_t>(kernel_->layout.shape(row.table).width);
      step({.row = row, .sum = sum, .decay = sum[width], .scale = scale ? (*scale)[row.table][row.row] : 1.f});
    }
  });
}

void Gradient::clear() {
  for (const RowId row : rows_) {
    std::ranges::fill(sums_.row_with_state(row.table, row.row), 0.f);
    marked_[row.table][row.row] = 0;
  }
  rows_.clear();
}

void Gradient::take(PendingGradient& pending) {
  pending.rows.assign(rows_.begin(), rows_.end());
  pending.sums.clear();
  for (const RowId row : rows_) {
    const std::span<const float> sums = sums_.row_with_state(row.table, row.row);
    pending.sums.insert(pending.sums.end(), sums.begin(), sums.end());
  }
  clear();
}

void Gradient::put(const PendingGradient& pending) {
  const float* from = pending.sums.data();
  for (const RowId row : pending.rows) {
    mark(row);
    const std::span<float> sums = sums_.row_with_state(row.table, row.row);
    std::copy_n(from, sums.size(), sums.begin());
    from += sums.size();
  }
}

}  // namespace sounder
