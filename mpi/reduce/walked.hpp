// Reducers whose sums are walks: such a sum can go on while the caller computes.
#pragma once

#include <string_view>
#include <vector>

#include "reduce/reducer.hpp"
#include "reduce/walk.hpp"

namespace sounder::mpi {

class WalkedReducer : public Reducer {
 public:
  /// `what`: ranks wait for, in errors.
  WalkedReducer(Endpoint& endpoint, std::string_view what) : endpoint_(endpoint), what_(what) {}

  void sum(std::span<float> vector) final {
    Walks walks(endpoint_);
    const std::vector<Walk> all = walks_of(walks, vector);
    walks.run(all, what_);
  }
  /// The walks of one sum, none of which has begun. Called by all ranks in the same order.
  virtual std::vector<Walk> walks_of(Walks& walks, std::span<float> vector) const = 0;
  std::string_view what() const { return what_; }

 protected:
  Endpoint& endpoint_;

 private:
  const std::string_view what_;
};

}  // namespace sounder::mpi
