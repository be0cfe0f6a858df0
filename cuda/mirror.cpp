#include "mirror.hpp"

#include <vector>

namespace sounder::cuda {

Mirror::Mirror(Device& device, Parameters& master, MergeRule rule)
    : master_(master),
      rule_(rule),
      blocks_(master.memory().floats() / kBlockFloats),
      memory_(device.allocate(Where::device, blocks_ * kBlockFloats * sizeof(float))),
      states_(device.allocate(Where::device, blocks_ * sizeof(GuardedSumBlock))),
      stream_(device.stream(true)) {
  // On their guard at first: between two exchanges, either side may fit a row anew.
  GuardedSumBlock state;
  state.theta = 1;
  const std::vector<GuardedSumBlock> states(blocks_, state);
  stream_->copy(states_.get(), states.data(), blocks_ * sizeof(GuardedSumBlock));
  stream_->wait();
}

Exchanged Mirror::all(float share) const {
  return {.master = master_.memory().data(),
          .mirror = mirror(),
          .blocks = static_cast<GuardedSumBlock*>(states_.get()),
          .first = 0,
          .last = blocks_,
          .rule = rule_,
          .share = share};
}

void Mirror::refresh() {
  stream_->refresh(all(0));
  stream_->wait();
}

void Mirror::reconcile(float share) {
  stream_->reconcile(all(share));
  stream_->wait();
}

}  // namespace sounder::cuda
