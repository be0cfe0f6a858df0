#include "window.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <sys/mman.h>

#include <sounder/error.hpp>

#include "wait.hpp"

namespace sounder::shm {
namespace {

void* map(void* address, std::size_t bytes, int protection, int flags, int file, std::size_t offset) {
  void* result = mmap(address, bytes, protection, flags, file, static_cast<off_t>(offset));
  if (result == MAP_FAILED)
    throw Error(fmt::format("cannot map a window of {} MiB ({}): use --mode hogwild, or fewer threads", bytes >> 20,
                            std::strerror(errno)));
  return result;
}

}  // namespace

WeightMasks::WeightMasks(const Layout& layout) : layout_(layout) {
  for (std::size_t t = 0; layout.states() > 0 && t < layout.tables(); ++t) {
    auto& mask = repeated_.emplace_back();
    const std::size_t stride = layout.stride(t), width = static_cast<std::size_t>(layout.shape(t).width);
    for (std::size_t i = 0; i < stride + kBlockFloats; ++i) mask.push_back(i % stride < width ? 1.f : 0.f);
  }
}

const float* WeightMasks::of(std::size_t offset) const {
  if (repeated_.empty()) return nullptr;
  std::size_t t = layout_.tables() - 1;
  while (layout_.offset(t) > offset) --t;
  return repeated_[t].data() + (offset - layout_.offset(t)) % layout_.stride(t);
}

Window::Window(const HotRows& plan, BlockLocks& locks, Parameters& parameters)
    : plan_(plan),
      locks_(locks),
      shared_(parameters.memory().data()),
      bytes_(parameters.memory().floats() * sizeof(float)),
      blocks_(plan.blocks.size()),
      masks_(parameters.layout()) {
  const Layout& layout = parameters.layout();
  auto* base = static_cast<char*>(map(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  own_ = reinterpret_cast<float*>(base);
  try {
    map_tables(layout, base, parameters.memory().file());
  } catch (...) {
    munmap(own_, bytes_);
    throw;
  }
}

void Window::map_tables(const Layout& layout, char* base, int file) {
  for (std::size_t t = 0; t < layout.tables(); ++t) {
    const std::size_t begin = layout.offset(t) * sizeof(float);
    const std::size_t end = t + 1 < layout.tables() ? layout.offset(t + 1) * sizeof(float) : bytes_;
    const std::size_t head = plan_.head_floats[t] * sizeof(float);
    if (head > 0)
      map(base + begin, head, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
    if (end > begin + head)
      map(base + begin + head, end - begin - head, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
          file, begin + head);
  }
}

Window::~Window() { munmap(own_, bytes_); }

void Window::refresh() {
  using F = ThreadLanes::F;
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    for (std::size_t k = 0; k < kBlockFloats; k += ThreadLanes::kStrip) {
      const F value = shared_cell::get<F>(shared_ + plan_.blocks[i].offset + k);
      shared_cell::put<F>(own_ + plan_.blocks[i].offset + k, value);
      shared_cell::put<F>(blocks_[i].base + k, value);
    }
}

void Window::merge(std::size_t i) {
  const std::size_t offset = plan_.blocks[i].offset;
  merge_guarded_sum(shared_ + offset, own_ + offset, blocks_[i], masks_.of(offset));
  locks_[i].store(0, std::memory_order_release);
}

void Window::tick() {
  constexpr std::size_t kAhead = 4;
  const auto prefetch = [&](std::size_t i) {
    __builtin_prefetch(&locks_[i], 1, 3);
    for (std::size_t k = 0; k < kBlockFloats; k += kCacheLine / sizeof(float))
      __builtin_prefetch(shared_ + plan_.blocks[i].offset + k, 1, 3);
  };
  const auto doublings = static_cast<std::size_t>(std::countr_zero(++ticks_));
  if (plan_.due.empty()) return;
  const std::size_t due = plan_.due[std::min(doublings, plan_.due.size() - 1)];
  for (std::size_t i = 0; i < std::min(due, kAhead); ++i) prefetch(i);
  for (std::size_t i = 0; i < due; ++i) {
    if (i + kAhead < due) prefetch(i + kAhead);
    if (locks_[i].exchange(1, std::memory_order_acquire) == 0) merge(i);
  }
}

void Window::settle(Probe* probe) {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (locks_[i].exchange(1, std::memory_order_acquire) != 0) {
      const Waiting waiting(probe);
      while (locks_[i].exchange(1, std::memory_order_acquire) != 0) std::this_thread::yield();
    }
    merge(i);
  }
}

}  // namespace sounder::shm
