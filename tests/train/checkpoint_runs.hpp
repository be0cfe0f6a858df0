// Runs that leave checkpoints and go on from them, for tests.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include <sounder/train/checkpoint.hpp>

#include "data/files.hpp"
#include "support.hpp"

namespace sounder::test {

inline Result run(const Kernel& kernel, const Dataset& data, const Options& options, const Checkpoint* resume = nullptr,
           Observer* observer = nullptr) {
  const auto backend = shm::make_backend(options);
  Exchange alone;
  Observer nobody;
  return fit({.kernel = kernel, .train = data, .resume = resume}, options, *backend, alone,
             observer ? *observer : nobody);
}

struct Noting : Observer {
  bool on_point(const Point& point) override { return points.push_back(point), go_on; }
  void on_checkpoint_lost(const std::string& error) override { lost.push_back(error); }
  void on_epoch(int epoch, const ChunkQueue&) override {
    if (stop && epoch == stop_in) stop->store(true);
  }
  std::vector<Point> points;
  std::vector<std::string> lost;
  std::atomic<bool>* stop = nullptr;
  int stop_in = -1;
  bool go_on = true;
};

}  // namespace sounder::test
