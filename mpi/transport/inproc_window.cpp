#include "transport/inproc_window.hpp"

#include <atomic>

#include <sounder/params/shared_cell.hpp>

namespace sounder::mpi {

struct InprocWindows::Part {
  Part(std::span<const float> own, std::size_t size) : floats(own.begin(), own.end()), counts(size) {}
  std::vector<float> floats;  // weights: touched by shared_cell alone
  // Written by: all ranks' communication threads. Read by: the same. Relaxed: a count carries nothing else with it.
  std::vector<std::atomic<std::uint64_t>> counts;
};

namespace {

/// Everything is done at once, by the thread that asks for it.
class InprocWindow final : public Window {
 public:
  explicit InprocWindow(std::shared_ptr<InprocWindows::Parts> parts) : parts_(std::move(parts)) {}

  void read(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<std::vector<float>> out) override {
    float* to = out->data();
    each(rank, pieces, [&](float* cell) { *to++ = shared_cell::get<float>(cell); });
  }
  void add(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<const std::vector<float>> values) override {
    const float* from = values->data();
    each(rank, pieces, [&](float* cell) { shared_cell::atomic_add(cell, *from++); });
  }
  void count(int rank, std::vector<std::uint64_t> by, std::shared_ptr<std::vector<std::uint64_t>> before) override {
    for (std::size_t i = 0; i < by.size(); ++i) (*before)[i] = part(rank).counts[i].fetch_add(by[i], std::memory_order_relaxed);
  }
  bool done() override { return true; }
  std::vector<int> awaited() const override { return {}; }
  void close() override {}

 private:
  InprocWindows::Part& part(int rank) { return *(*parts_)[static_cast<std::size_t>(rank)]; }
  template <class F>
  void each(int rank, std::span<const WindowPiece> pieces, F f) {
    float* const floats = part(rank).floats.data();
    for (const WindowPiece& piece : pieces)
      for (std::uint64_t i = piece.first; i < piece.first + piece.count; ++i) f(floats + i);
  }

  std::shared_ptr<InprocWindows::Parts> parts_;
};

}  // namespace

std::unique_ptr<Window> InprocWindows::open(int rank, std::span<const float> own, std::size_t counts) {
  const auto place = static_cast<std::size_t>(rank);
  auto part = std::make_unique<Part>(own, counts);
  const std::lock_guard lock(mutex_);
  const std::size_t number = opened_by_[place]++;
  if (windows_.size() <= number) windows_.resize(number + 1);
  if (!windows_[number]) windows_[number] = std::make_shared<Parts>(opened_by_.size());
  (*windows_[number])[place] = std::move(part);
  auto window = std::make_unique<InprocWindow>(windows_[number]);
  // The last to open it leaves it to those who have.
  bool all = true;
  for (const auto& each : *windows_[number]) all = all && each;
  if (all) windows_[number].reset();
  return window;
}

}  // namespace sounder::mpi
