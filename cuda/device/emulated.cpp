// The emulated device: a stream is a thread that does its work in order, a worker's lanes are played by it (lanes/sim_lanes.hpp).
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include <sounder/error.hpp>

#include "device/device.hpp"
#include "device/heap.hpp"
#include "kernels/group_view.hpp"
#include "kernels/models.hpp"
#include "kernels/sim_access.hpp"
#include "kernels/sim_batches.hpp"
#include "kernels/sim_exchange.hpp"
#include "kernels/sim_vectors.hpp"
#include "lanes/sim_lanes.hpp"

namespace sounder::cuda {
namespace {

class EmulatedStream final : public Stream {
 public:
  explicit EmulatedStream(std::shared_ptr<const Heap> heap) : heap_(std::move(heap)), thread_([this] { run(); }) {}
  ~EmulatedStream() override {
    {
      const std::lock_guard lock(door_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void step(const StepProgram& program, const void* model, const Segment& segment) override {
    add([start = program.start, model, segment] { start(model, segment, nullptr); });
  }
  std::unique_ptr<Batches> batches(Device& device, const BatchShape& shape, const Cells& cells) override;
  void refresh(const Exchanged& what) override {
    add([what] { play_refresh(what); });
  }
  void reconcile(const Exchanged& what) override {
    add([what] { play_reconcile(what); });
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    add([=] { std::memcpy(to, from, bytes); });
  }
  void copy_from(Device& peer, void* to, const void* from, std::size_t bytes) override;
  void add_up(const VectorSum& sum) override {
    heap_->check(sum.to, sum.floats * sizeof(float));
    for (int k = 0; k < sum.count; ++k) heap_->check(sum.from[k], sum.floats * sizeof(float));
    add([sum] { play_add_up(sum); });
  }
  void clear(void* memory, std::size_t bytes) override {
    add([=] { std::memset(memory, 0, bytes); });
  }
  void follow(Stream& other) override {
    // The mark is the last work of the other stream so far; this one's next work waits for it.
    const auto mark = std::make_shared<std::promise<void>>();
    static_cast<EmulatedStream&>(other).add([mark] { mark->set_value(); });
    add([mark] { mark->get_future().wait(); });
  }
  void wait() override {
    std::unique_lock lock(door_);
    changed_.wait(lock, [&] { return work_.empty() && !busy_; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  void add(std::function<void()> work) {
    {
      const std::lock_guard lock(door_);
      work_.push_back(std::move(work));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(door_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || !work_.empty(); });
      if (work_.empty()) return;
      const auto work = std::move(work_.front());
      work_.pop_front();
      busy_ = true;
      lock.unlock();
      try {
        work();
        lock.lock();
      } catch (...) {
        lock.lock();
        error_ = std::current_exception();
      }
      busy_ = false;
      changed_.notify_all();
    }
  }

  const std::shared_ptr<const Heap> heap_;
  std::mutex door_;  ///< guards all below but the thread
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool busy_ = false, ending_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

class EmulatedBatches final : public Batches {
 public:
  EmulatedBatches(EmulatedStream& stream, Device& device, const BatchShape& shape, const Cells& cells) : stream_(stream) {
    batch_.shape = shape;
    batch_.cells = cells;
    memory_ = device.allocate(Where::device, batch_.floats() * sizeof(float));
    batch_.place(static_cast<float*>(memory_.get()));
    batch_.cursor = &cursor_;
    std::fill_n(batch_.ones, batch_.batch(), 1.f);
  }
  void run(const Segment& segment) override {
    stream_.add([this, segment] {
      cursor_ = {segment, 0};
      for (std::size_t i = 0; i < batches_of(segment, batch_.shape); ++i) step_on_batch(batch_, SimBatch{batch_});
    });
  }

 private:
  EmulatedStream& stream_;
  MlpBatch batch_;
  BatchCursor cursor_;
  std::shared_ptr<void> memory_;
};

std::unique_ptr<Batches> EmulatedStream::batches(Device& device, const BatchShape& shape, const Cells& cells) {
  return std::make_unique<EmulatedBatches>(*this, device, shape, cells);
}

/// The steps of every worker of a segment; access_of(worker): how it touches parameters.
template <class M, int kLanes, class F>
void play(const void* model, const Segment& segment, F access_of) {
  M m = *static_cast<const M*>(model);
  if constexpr (requires { m.rarity; }) m.rarity = segment.rarity;
  for (std::size_t group = 0; group < static_cast<std::size_t>(segment.groups); ++group) {
    GroupView<decltype(access_of(group)), SimLanes<kLanes>, intercept_width<M>()> view(access_of(group), segment.cells);
    step_on_pieces(m, view, segment, group);
  }
}
template <class M, int kLanes, bool kAdds>
void play_floats(const void* model, const Segment& segment, void*) {
  play<M, kLanes>(model, segment, [&](std::size_t) { return SimAccess<kAdds>{.rate = segment.rate, .decays = segment.decays}; });
}
template <class M, int kLanes, StorageName kStorage, bool kAdds>
void play_narrow(const void* model, const Segment& segment, void*) {
  play<M, kLanes>(model, segment, [&](std::size_t group) {
    return SimNarrowAccess<>{.rate = segment.rate, .storage = kStorage, .adds = kAdds, .random = Draws::of(segment.seed, static_cast<std::uint32_t>(group))};
  });
}

class EmulatedDevice final : public Device {
 public:
  explicit EmulatedDevice(std::size_t bytes) : heap_(std::make_shared<Heap>(bytes)) { caps_.total_bytes = caps_.free_bytes = bytes; }
  const Caps& caps() const override { return caps_; }

  std::shared_ptr<void> allocate(Where where, std::size_t bytes) override {
    const std::size_t floats = bytes / sizeof(float) + 1;
    auto* const memory = static_cast<float*>(::operator new(floats * sizeof(float), std::align_val_t{kAlignment}));
    const auto free = [](void* p) { ::operator delete(p, std::align_val_t{kAlignment}); };
    std::shared_ptr<void> block(memory, free);
    if (where == Where::device) {
      if (!heap_->take(memory, bytes)) throw Error("the emulated device has no memory left: give it less data or fewer factors");
      block = {memory, [heap = heap_, block](void* p) { heap->give_back(p); }};
    }
    std::fill_n(memory, floats, where == Where::device ? std::numeric_limits<float>::quiet_NaN() : 0.f);
    return block;
  }
  std::unique_ptr<Stream> stream(bool) override { return std::make_unique<EmulatedStream>(heap_); }
  bool reach(Device&) override { return true; }
  const Heap& heap() const { return *heap_; }

  StepProgram program(const Kernel& kernel, const StepForm& form) override {
    StepProgram program;
    if (!kernel.type) return program;
    const auto found = [&]<class M, int kLanes>() {
      program = {.start = form.update == UpdateName::racy ? play_floats<M, kLanes, false> : play_floats<M, kLanes, true>, .lanes = kLanes,
                 .owned = owned_table<M>()};
    };
    const auto narrow = [&]<class M, int kLanes>() {
      const auto start = [&]<bool kAdds>() {
        return form.storage == StorageName::bf16 ? play_narrow<M, kLanes, StorageName::bf16, kAdds> : play_narrow<M, kLanes, StorageName::f16, kAdds>;
      };
      program = {.start = form.update == UpdateName::racy ? start.template operator()<false>() : start.template operator()<true>(), .lanes = kLanes};
    };
    if (form.storage != StorageName::f32) {
      if (form.update != UpdateName::red_sys) with_narrow(*kernel.type, narrow);
      return program;
    }
    with_any_linear(*kernel.type, form.nonzeros, found) || with_mf(*kernel.type, found) || with_fm(*kernel.type, found) ||
        with_softmax(*kernel.type, found);
    return program;
  }

 private:
  static constexpr std::size_t kAlignment = 4096;
  const std::shared_ptr<Heap> heap_;
  Caps caps_{.name = "emulated device",
             .compute_capability = 90,
             .multiprocessors = 1,
             .threads_per_multiprocessor = 256,
             .l2_bytes = std::size_t{1} << 20,
             .concurrent_managed_access = true};
};

void EmulatedStream::copy_from(Device& peer, void* to, const void* from, std::size_t bytes) {
  static_cast<EmulatedDevice&>(peer).heap().check(from, bytes);
  heap_->check(to, bytes);
  copy(to, from, bytes);
}

}  // namespace

std::unique_ptr<Device> make_emulated_device(std::size_t bytes) { return std::make_unique<EmulatedDevice>(bytes); }

}  // namespace sounder::cuda
