// Requests of the MPI library that are under way, each with what must live until it completes.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <mpi.h>

#include "transport/mpi/calls.hpp"

namespace sounder::mpi {

template <class Keep>
class Requests {
 public:
  bool empty() const { return requests_.empty(); }
  void add(MPI_Request request, Keep keep) {
    count_handles(1);
    requests_.push_back(request);
    keeps_.push_back(std::move(keep));
  }
  /// Calls done(keep) for those that have completed; returns how many.
  template <class F>
  int test(F done) {
    if (requests_.empty()) return 0;
    completed_.resize(requests_.size());
    int count = 0;
    check_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, completed_.data(), MPI_STATUSES_IGNORE),
              "test requests");
    if (count == 0 || count == MPI_UNDEFINED) return 0;
    count_handles(-count);
    for (int i = 0; i < count; ++i) done(keeps_[static_cast<std::size_t>(completed_[static_cast<std::size_t>(i)])]);
    std::size_t left = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (requests_[i] == MPI_REQUEST_NULL) continue;
      requests_[left] = requests_[i];
      if (left != i) keeps_[left] = std::move(keeps_[i]);
      ++left;
    }
    requests_.resize(left);
    keeps_.resize(left);
    return count;
  }
  /// After a failure the library may still read and write what was given to it.
  void abandon() { new std::vector<Keep>(std::move(keeps_)); }

 private:
  std::vector<MPI_Request> requests_;
  std::vector<Keep> keeps_;
  std::vector<int> completed_;
};

}  // namespace sounder::mpi
