#include "mirror.hpp"

namespace sounder::cuda {
namespace {

std::size_t bytes_of(StorageName storage) { return storage == StorageName::f32 ? sizeof(float) : sizeof(std::uint16_t); }

/// A table as the mirror holds it.
struct Stored {
  std::size_t begin, floats;  ///< up to where the next table begins
  StorageName storage;
};
std::vector<Stored> stored(const Layout& layout, StorageName of_rows) {
  std::vector<Stored> tables;
  for (std::size_t table = 0; table < layout.tables(); ++table) {
    const std::size_t begin = layout.offset(table), end = table + 1 < layout.tables() ? layout.offset(table + 1) : layout.floats();
    tables.push_back({begin, end - begin, layout.shape(table).width > 1 ? of_rows : StorageName::f32});
  }
  return tables;
}

}  // namespace

Mirror::Mirror(Device& device, Parameters& master, MergeRule rule, std::optional<std::size_t> owned, StorageName storage)
    : master_(master), owned_(owned), cells_(master.cells()), stream_(device.stream(true)) {
  const std::vector<Stored> tables = stored(master.layout(), storage);
  std::size_t blocks = 0;  // of those that are exchanged
  for (std::size_t i = 0; i < tables.size(); ++i) {
    bytes_ += tables[i].floats * bytes_of(tables[i].storage);
    if (owned_ != i) blocks += tables[i].floats / kBlockFloats, exchanged_ += tables[i].floats * bytes_of(tables[i].storage);
  }
  memory_ = device.allocate(Where::device, bytes_);
  states_ = device.allocate(Where::device, blocks * sizeof(GuardedSumBlock));
  if (storage != StorageName::f32) left_ = device.allocate(Where::device, blocks * kBlockFloats * sizeof(std::uint16_t));
  auto* at = static_cast<std::byte*>(memory_.get());
  std::size_t block = 0;
  bool adjoins = false;  // to the last part
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto [begin, floats, own] = tables[i];
    auto* const cells = reinterpret_cast<float*>(at);
    cells_.read[i] = cells_.write[i] = cells;
    at += floats * bytes_of(own);
    if (owned_ == i) {
      adjoins = false;
      continue;
    }
    if (!adjoins || parts_.back().storage != own)
      parts_.push_back({.master = master.memory().data() + begin,
                        .mirror = cells,
                        .blocks = static_cast<GuardedSumBlock*>(states_.get()) + block,
                        .rule = rule,
                        .storage = own,
                        .left = own == StorageName::f32 ? nullptr : static_cast<std::uint16_t*>(left_.get()) + block * kBlockFloats});
    parts_.back().last += floats / kBlockFloats;
    block += floats / kBlockFloats;
    adjoins = true;
  }
  // On their guard at first: between two exchanges, either side may fit a row anew.
  GuardedSumBlock state;
  state.theta = 1;
  const std::vector<GuardedSumBlock> states(blocks, state);
  stream_->copy(states_.get(), states.data(), blocks * sizeof(GuardedSumBlock));
  stream_->wait();
}

std::vector<Exchanged>& Mirror::next_parts() {
  ++exchanges_;
  for (Exchanged& part : parts_) part.seed = exchanges_;
  return parts_;
}

void Mirror::refresh() {
  for (const Exchanged& part : next_parts()) stream_->refresh(part);
  stream_->wait();
}

void Mirror::reconcile(float share) {
  for (Exchanged& part : next_parts()) {
    part.share = share;
    stream_->reconcile(part);
  }
  stream_->wait();
}

void Mirror::hand_all_to_host() {
  stream_->copy(master_.memory().data(), memory_.get(), bytes_);
  stream_->wait();
}

void Mirror::hand_to_device(std::size_t first, std::size_t last) {
  const std::size_t stride = master_.layout().stride(*owned_);
  stream_->copy(cells_.write[*owned_] + first * stride, master_.cells().read[*owned_] + first * stride, (last - first) * stride * sizeof(float));
  stream_->wait();
}

void Mirror::hand_to_host(std::size_t first, std::size_t last) {
  const std::size_t stride = master_.layout().stride(*owned_);
  stream_->copy(master_.cells().write[*owned_] + first * stride, cells_.read[*owned_] + first * stride, (last - first) * stride * sizeof(float));
  stream_->wait();
}

}  // namespace sounder::cuda
