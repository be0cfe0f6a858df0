#include "mirror.hpp"

namespace sounder::cuda {

Mirror::Mirror(Device& device, Parameters& master, MergeRule rule, std::optional<std::size_t> owned)
    : master_(master),
      bytes_(master.memory().floats() * sizeof(float)),
      rule_(rule),
      owned_(owned),
      memory_(device.allocate(Where::device, bytes_)),
      stream_(device.stream(true)) {
  const Layout& layout = master.layout();
  const std::size_t blocks = layout.floats() / kBlockFloats;  // tables begin on pages
  if (owned_) {
    add(0, layout.offset(*owned_) / kBlockFloats);
    add(*owned_ + 1 < layout.tables() ? layout.offset(*owned_ + 1) / kBlockFloats : blocks, blocks);
  } else {
    add(0, blocks);
  }
  states_ = device.allocate(Where::device, states_of_shared_ * sizeof(GuardedSumBlock));
  // On their guard at first: between two exchanges, either side may fit a row anew.
  GuardedSumBlock state;
  state.theta = 1;
  const std::vector<GuardedSumBlock> states(states_of_shared_, state);
  stream_->copy(states_.get(), states.data(), states.size() * sizeof(GuardedSumBlock));
  stream_->wait();
}

void Mirror::add(std::size_t first, std::size_t last) {
  if (first == last) return;
  shared_.push_back({first, last, states_of_shared_});
  states_of_shared_ += last - first;
}

Exchanged Mirror::of(const Part& part, float share) const {
  return {.master = master_.memory().data() + part.first * kBlockFloats,
          .mirror = mirror() + part.first * kBlockFloats,
          .blocks = static_cast<GuardedSumBlock*>(states_.get()) + part.states,
          .first = 0,
          .last = part.last - part.first,
          .rule = rule_,
          .share = share};
}

void Mirror::refresh() {
  for (const Part& part : shared_) stream_->refresh(of(part, 0));
  stream_->wait();
}

void Mirror::reconcile(float share) {
  for (const Part& part : shared_) stream_->reconcile(of(part, share));
  stream_->wait();
}

void Mirror::hand_to_device(std::size_t first, std::size_t last) {
  const std::size_t at = master_.layout().offset(*owned_), stride = master_.layout().stride(*owned_);
  stream_->copy(mirror() + at + first * stride, master_.memory().data() + at + first * stride, (last - first) * stride * sizeof(float));
  stream_->wait();
}

void Mirror::hand_to_host(std::size_t first, std::size_t last) {
  const std::size_t at = master_.layout().offset(*owned_), stride = master_.layout().stride(*owned_);
  stream_->copy(master_.memory().data() + at + first * stride, mirror() + at + first * stride, (last - first) * stride * sizeof(float));
  stream_->wait();
}

}  // namespace sounder::cuda
