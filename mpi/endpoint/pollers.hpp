// Steps that must be called again and again until they are through: reductions of the MPI library.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

#include "endpoint/waiting.hpp"

namespace sounder::mpi {

struct Poller {
  const std::function<bool()>& step;
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

  /// Calls each step once; returns whether one has ended.
  bool step() {
    const std::size_t before = pollers_.size();
    std::erase_if(pollers_, [](Poller* poller) {
      bool over = true;
      try {
        over = poller->step();
      } catch (...) {
        poller->error = std::current_exception();
      }
      if (over) poller->ended.set();
      return over;
    });
    return before != pollers_.size();
  }

  /// Seconds from one step to the next: closely for a while, as steps move the data of a reduction; then, somebody is late.
  double pause() const { return std::chrono::steady_clock::now() - pollers_.back()->begin < kAlert ? 0 : kLate; }

 private:
  static constexpr std::chrono::milliseconds kAlert{20};
  static constexpr double kLate = 1e-4;

  std::vector<Poller*> pollers_;
};

}  // namespace sounder::mpi
