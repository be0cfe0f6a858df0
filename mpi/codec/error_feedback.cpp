#include "codec/error_feedback.hpp"

#include <algorithm>
#include <iterator>

namespace sounder::mpi {
namespace {

/// f(number, index of the row, floats before it, width) for all rows, in order.
template <class F>
void each_row(const RowView& rows, const RowNumbers& numbers, F f) {
  for (std::size_t i = 0, table = 0, floats = 0; i < rows.count; ++i) {
    while (rows.number(i) >= numbers.end(table)) ++table;
    f(rows.number(i), i, floats, numbers.width(table));
    floats += numbers.width(table);
  }
}

}  // namespace

ErrorFeedback::ErrorFeedback(const RowNumbers& numbers) : numbers_(numbers), sums_(numbers.floats()), decays_(numbers.rows()) {}

RowSums ErrorFeedback::waiting_rows() const {
  RowSums rows{.count = static_cast<std::uint32_t>(waiting_.size()), .first = 0, .numbers = waiting_, .sums = {}, .decays = {}};
  if (waiting_.empty()) return rows;
  rows.first = waiting_.front();
  each_row(rows.view(), numbers_, [&](std::uint32_t number, std::size_t, std::size_t, std::size_t width) {
    const auto from = sums_.begin() + static_cast<std::ptrdiff_t>(numbers_.floats_before(number));
    rows.sums.insert(rows.sums.end(), from, from + static_cast<std::ptrdiff_t>(width));
    rows.decays.push_back(decays_[number]);
  });
  if (std::ranges::all_of(rows.decays, [](float decay) { return decay == 0; })) rows.decays.clear();
  settle(rows);
  return rows;
}

RowSums ErrorFeedback::with(RowSums gradient, bool all) const {
  if (all) return add(waiting_rows().view(), gradient.view(), numbers_);
  if (waiting_.empty()) return gradient;
  each_row(gradient.view(), numbers_, [&](std::uint32_t number, std::size_t i, std::size_t floats, std::size_t width) {
    const float* const waits = sums_.data() + numbers_.floats_before(number);
    for (std::size_t k = 0; k < width; ++k) gradient.sums[floats + k] += waits[k];
    if (!gradient.decays.empty()) gradient.decays[i] += decays_[number];
  });
  return gradient;
}

void ErrorFeedback::keep(const RowView& wanted, const RowView& sent) {
  std::vector<std::uint32_t> waits;
  std::size_t at = 0, float_at = 0;  // of `sent`
  each_row(wanted, numbers_, [&](std::uint32_t number, std::size_t i, std::size_t floats, std::size_t width) {
    const bool went = at < sent.count && sent.number(at) == number;
    float* const left = sums_.data() + numbers_.floats_before(number);
    bool something = false;
    for (std::size_t k = 0; k < width; ++k) {
      left[k] = wanted.sums[floats + k] - (went ? sent.sums[float_at + k] : 0.f);
      something |= left[k] != 0;
    }
    if (!wanted.decays.empty()) decays_[number] = wanted.decays[i] - (went && !sent.decays.empty() ? sent.decays[at] : 0.f);
    something |= decays_[number] != 0;
    if (something) waits.push_back(number);
    if (went) ++at, float_at += width;
  });
  // Rows that were not wanted wait on.
  std::vector<std::uint32_t> others;
  for (std::size_t i = 0; const std::uint32_t number : waiting_) {
    while (i < wanted.count && wanted.number(i) < number) ++i;
    if (i == wanted.count || wanted.number(i) != number) others.push_back(number);
  }
  waiting_.clear();
  std::ranges::merge(others, waits, std::back_inserter(waiting_));
}

}  // namespace sounder::mpi
