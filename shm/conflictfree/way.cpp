#include "conflictfree/way.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sounder::shm {

std::vector<Range> cut_into_batches(const Dataset& data, std::size_t size) {
  const std::size_t count = data.size(), chunk = chunk_size(count, data.nonzeros());
  std::vector<Range> batches;
  size = std::min(size, count);
  if (size >= chunk && size < count) size = size / chunk * chunk;
  const std::size_t whole = std::max(size, chunk);
  for (std::size_t begin = 0; begin < count; begin += whole)
    for (std::size_t at = begin; at < std::min(count, begin + whole); at += size)
      batches.push_back({at, std::min({count, begin + whole, at + size})});
  return batches;
}

void Way::begin(const Round&, ChunkQueue& queue) {
  queue_ = &queue;
  barrier_.reset();
  order_.clear();
  taken_ = done_ = 0;
  stopped_ = false;
  for (const Range& chunk : queue.take_all()) {
    taken_ += chunk.size();
    const auto from = [&](std::size_t example) {  // the first item from there on
      std::size_t low = 0, high = items();
      while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (first_of(middle) < example)
          low = middle + 1;
        else
          high = middle;
      }
      return low;
    };
    for (std::size_t item = from(chunk.begin); item < from(chunk.end); ++item) order_.push_back(item);
  }
}

void Way::work(int worker, const Round& round, ChunkQueue::Cursor&) {
  const auto meet = [&] {
    return barrier_.wait(
        [&] {
          between(round);
          stopped_ = queue_->stopped();
        },
        probe_of(setting_, worker));
  };
  barrier_.guard([&] {
    queue_->check({});
    for (const std::size_t item : order_) {
      if (!meet() || stopped_) return;
      run(item, worker, round);
      queue_->check({first_of(item), std::min(first_of(item) + size_of(item), setting_.data.size())});
      if (worker == 0) done_ += size_of(item);
    }
    meet();
  });
}

void Way::end(const Round&) {
  if (stopped_) queue_->skip(taken_ - std::min(taken_, done_));
}

std::string Way::remark() const { return fmt::format("{}; parallel share {:.2f}", name(), share().parallel()); }

InterceptCopies::InterceptCopies(const Setting& setting, std::size_t parts)
    : setting_(setting), table_(setting.kernel.intercept_table), copies_(parts) {}

Cells InterceptCopies::open(std::size_t part) {
  Cells cells = setting_.parameters.cells();
  if (table_ < 0) return cells;
  Copy& copy = copies_[part];
  if (!copy.open) std::ranges::copy(shared(), copy.cells);
  copy.open = true;
  cells.read[table_] = cells.write[table_] = copy.cells;
  return cells;
}

void InterceptCopies::merge() {
  const auto open = std::ranges::count_if(copies_, &Copy::open);
  if (open == 0) return;
  std::vector<float> sums(shared().size());
  for (Copy& copy : copies_) {
    for (std::size_t i = 0; copy.open && i < sums.size(); ++i) sums[i] += copy.cells[i] - shared()[i];
    copy.open = false;
  }
  for (std::size_t i = 0; i < sums.size(); ++i) shared()[i] += sums[i] / static_cast<float>(open);
}

}  // namespace sounder::shm
