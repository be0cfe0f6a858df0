#include "gradients/collector.hpp"

#include <utility>

#include "gradients/gradient_rows.hpp"

namespace sounder::mpi {

Collector::Collector(const Setting& setting, const RowNumbers& numbers)
    : setting_(setting), numbers_(numbers), sums_(static_cast<std::size_t>(setting.backend.team().size())) {
  for (std::size_t i = 0; i < sums_.size(); ++i) gradients_.emplace_back(setting.kernel);
}

RowSums Collector::operator()(const RankRound& round) {
  Gatherer* const beside = setting_.backend.gatherer();
  if (!beside) return of_team(round);
  RowSums own;
  beside->begin(round.round, round.queue);
  try {
    if (beside->beside_team()) own = of_team(round);
  } catch (...) {
    beside->end();
    throw;
  }
  const RowSums others = rows_of(beside->end(), numbers_);
  return own.count == 0 ? others : add(own.view(), others.view(), numbers_);
}

RowSums Collector::of_team(const RankRound& round) {
  const StepContext context = context_of(setting_, round.round);
  setting_.backend.team().run([&](int worker) {
    Gradient& gradient = gradients_[static_cast<std::size_t>(worker)];
    ChunkQueue::Cursor cursor(round.queue);
    for (Range range; cursor.next(range);) gradient.collect(context, setting_.data.examples(), range.begin, range.end);
    gradient.close_intercept();
    sums_[static_cast<std::size_t>(worker)] = take_rows(gradient, numbers_);
  });
  RowSums own = std::move(sums_[0]);
  for (std::size_t worker = 1; worker < sums_.size(); ++worker)
    if (sums_[worker].count > 0) own = add(own.view(), sums_[worker].view(), numbers_);
  return own;
}

}  // namespace sounder::mpi
