// What runs workers.
#pragma once

#include <functional>

namespace sounder {

/// A fixed number of workers that run a function together and wait for each other at its end.
/// The first exception that a worker throws is rethrown by run() when all have ended.
class Team {
 public:
  virtual ~Team() = default;
  virtual int size() const = 0;
  /// Calls work(0), ..., work(size() - 1), each exactly once; the caller may be one of the workers.
  virtual void run(const std::function<void(int worker)>& work) = 0;
};

/// The calling thread alone.
class SerialTeam final : public Team {
 public:
  int size() const override { return 1; }
  void run(const std::function<void(int)>& work) override { work(0); }
};

}  // namespace sounder
