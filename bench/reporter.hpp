// Passes the points of a run on to the record files and the live line.
#pragma once

#include <deque>

#include "live_line.hpp"
#include "records.hpp"

namespace sounder::bench {

class Reporter final : public Observer {
 public:
  Reporter(const Settings& settings, const RunFacts& facts, std::deque<RecordFile>& files);

  void on_epoch(int epoch, const ChunkQueue& queue) override;
  bool on_point(const Point& point) override;
  void on_backoff(const Backoff& backoff) override;
  void on_checkpoint_lost(const std::string& error) override;
  void on_end() override;

 private:
  std::string text();

  const RunFacts& facts_;
  std::deque<RecordFile>& files_;
  int epochs_;
  std::mutex mutex_;  ///< guards the next four
  const ChunkQueue* queue_ = nullptr;  ///< null whenever it may not be asked: outside of epochs
  int epoch_ = 0;
  double loss_ = NAN;
  double began_ = 0;  ///< seconds on the steady clock when the first epoch began
  LiveLine line_;     ///< the last member: its thread asks for text()
};

}  // namespace sounder::bench
