#include "reporter.hpp"

#include <fmt/format.h>

namespace sounder::bench {

Reporter::Reporter(const Settings& settings, const RunFacts& facts, std::deque<RecordFile>& files)
    : facts_(facts), files_(files), epochs_(settings.options.epochs), line_(settings.program, settings.quiet, [this] { return text(); }) {}

void Reporter::on_epoch(int epoch, const ChunkQueue& queue) {
  const std::lock_guard lock(mutex_);
  if (epoch == 0) began_ = now();
  epoch_ = epoch;
  queue_ = &queue;
}

bool Reporter::on_point(const Point& point) {
  {
    const std::lock_guard lock(mutex_);
    loss_ = point.train_loss;
    queue_ = nullptr;
  }
  for (RecordFile& file : files_) file.write(point_record(facts_, point));
  return true;
}

void Reporter::on_backoff(const Backoff& backoff) {
  line_.say(fmt::format("{}: going on from epoch {} at step {:.3g}", text_of(backoff.divergence), backoff.epochs, backoff.step));
}

void Reporter::on_checkpoint_lost(const std::string& error) {
  line_.say(fmt::format("{}: the run goes on, and tries again after the next --every", error));
}

void Reporter::on_end() {
  const std::lock_guard lock(mutex_);
  queue_ = nullptr;
}

std::string Reporter::text() {
  const std::lock_guard lock(mutex_);
  if (!queue_) return "";
  const double total = static_cast<double>(queue_->examples());
  return progress_text(facts_.name.label(), epoch_ + 1, epochs_, loss_, began_, total * epoch_ + static_cast<double>(queue_->taken()),
                       total * epochs_);
}

}  // namespace sounder::bench
