// Steps that must be called again and again until they are through: reductions, of the MPI library and own ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

#include "endpoint/waiting.hpp"

namespace sounder::mpi {

/// What a step came to.
enum class Step { nothing, moved, done };

struct Poller {
  const std::function<Step()>& step;
  bool by_frames = false;  ///< only frames that come in, or sends that end, let it go on: nobody need look for it otherwise
  Signal ended{};
  std::exception_ptr error{};  ///< published by `ended`
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
};

/// Of the communication thread alone.
class Pollers {
 public:
  bool empty() const { return pollers_.empty(); }
  void add(Poller& poller) { pollers_.push_back(&poller); }
  void remove(Poller& poller) { std::erase(pollers_, &poller); }
  void clear() { pollers_.clear(); }

  /// Calls each step once; returns the most that one came to.
  Step step() {
    Step most = Step::nothing;
    std::erase_if(pollers_, [&](Poller* poller) {
      Step came_to = Step::done;
      try {
        came_to = poller->step();
      } catch (...) {
        poller->error = std::current_exception();
      }
      most = std::max(most, came_to);
      if (came_to == Step::done) poller->ended.set();
      return came_to == Step::done;
    });
    return most;
  }

  /// Seconds from one step to the next, `otherwise` where none is due: closely for a while, as steps move the data of a reduction; then,
  /// somebody is late.
  double pause(double otherwise) const {
    const auto last = std::find_if(pollers_.rbegin(), pollers_.rend(), [](const Poller* poller) { return !poller->by_frames; });
    if (last == pollers_.rend()) return otherwise;
    return std::chrono::steady_clock::now() - (*last)->begin < kAlert ? 0 : kLate;
  }

 private:
  static constexpr std::chrono::milliseconds kAlert{20};
  static constexpr double kLate = 1e-4;

  std::vector<Poller*> pollers_;
};

}  // namespace sounder::mpi
