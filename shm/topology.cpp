#include <sounder/shm/topology.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <hwloc.h>
#include <sched.h>

#include <sounder/params/table.hpp>

namespace sounder::shm {
namespace {

constexpr int kMaskBytes = 1024;  ///< room for 8192 processing units

struct DestroyTopology {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};

using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

/// Of this machine, or a synthetic one; null if there is none to be had.
Topology load_topology(const char* synthetic) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Topology topology(raw);
  if (synthetic && hwloc_topology_set_synthetic(raw, synthetic) != 0) return nullptr;
  return hwloc_topology_load(raw) == 0 ? std::move(topology) : nullptr;
}

/// The processing units inside a set (null: all): the first hyper-thread of every core, then the second, ...
std::vector<int> in_worker_order(hwloc_topology_t topology, hwloc_const_cpuset_t inside) {
  std::vector<int> cpus;
  bool found = true;
  for (unsigned thread = 0; found; ++thread) {
    found = false;
    for (int i = 0; i < hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE); ++i) {
      const hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, static_cast<unsigned>(i));
      if (thread >= core->arity) continue;
      found = true;
      const unsigned cpu = core->children[thread]->os_index;
      if (!inside || hwloc_bitmap_isset(inside, cpu)) cpus.push_back(static_cast<int>(cpu));
    }
  }
  return cpus;
}

/// All processing units of this machine. Asked once: the answer is found by a walk over /sys, and by going to each core in turn, which
/// many teams in one process need not do again.
const std::vector<int>& machine_order() {
  static const std::vector<int> order = [] {
    const Topology topology = load_topology(nullptr);
    return topology ? in_worker_order(topology.get(), nullptr) : std::vector<int>{};
  }();
  return order;
}

bool pin_to(const std::vector<int>& cpus) {
  std::vector<unsigned long> mask(kMaskBytes / sizeof(unsigned long));
  auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
  CPU_ZERO_S(kMaskBytes, set);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), kMaskBytes, set);
  return sched_setaffinity(0, kMaskBytes, set) == 0;
}

}  // namespace

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  std::vector<unsigned long> mask(kMaskBytes / sizeof(unsigned long));
  auto* allowed = reinterpret_cast<cpu_set_t*>(mask.data());
  if (sched_getaffinity(0, kMaskBytes, allowed) < 0) return {0};

  for (const int cpu : machine_order())
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), kMaskBytes, allowed)) cpus.push_back(cpu);
  if (cpus.empty())  // no topology to be had: the mask alone
    for (int cpu = 0; cpu < kMaskBytes * 8; ++cpu)
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), kMaskBytes, allowed)) cpus.push_back(cpu);
  return cpus;
}

std::vector<std::vector<int>> numa_nodes(const char* synthetic) {
  const std::vector<int> usable = usable_cpus();
  std::vector<std::vector<int>> nodes;
  if (const Topology topology = load_topology(synthetic))
    for (int i = 0; i < hwloc_get_nbobjs_by_type(topology.get(), HWLOC_OBJ_NUMANODE); ++i) {
      const hwloc_obj_t node = hwloc_get_obj_by_type(topology.get(), HWLOC_OBJ_NUMANODE, static_cast<unsigned>(i));
      std::vector<int> cpus = in_worker_order(topology.get(), node->cpuset);
      if (!synthetic) std::erase_if(cpus, [&](int cpu) { return std::find(usable.begin(), usable.end(), cpu) == usable.end(); });
      if (!cpus.empty()) nodes.push_back(std::move(cpus));
    }
  if (nodes.empty()) nodes.push_back(usable);  // nothing is known: one node
  return nodes;
}

Pinned::Pinned(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  old_mask_.resize(kMaskBytes / sizeof(unsigned long));
  const bool known = sched_getaffinity(0, kMaskBytes, reinterpret_cast<cpu_set_t*>(old_mask_.data())) >= 0;
  if (!pin_to(cpus) || !known) old_mask_.clear();  // placement is advice: training is right without it
}

Pinned::~Pinned() {
  if (!old_mask_.empty()) sched_setaffinity(0, kMaskBytes, reinterpret_cast<cpu_set_t*>(old_mask_.data()));
}

std::optional<double> core_to_core_ns() {
  const std::vector<int> cpus = usable_cpus();
  if (cpus.size() < 2) return std::nullopt;
  constexpr int kRounds = 5000;
  // Written by: the two threads in turn. Read by: the other one. Order: release and acquire, it is a hand-over.
  struct alignas(2 * kCacheLine) {
    std::atomic<int> turn{0};
  } ball;
  const auto play = [&](int me) {
    const Pinned pinned({cpus[static_cast<std::size_t>(me)]});
    for (int i = 0; i < kRounds; ++i) {
      int spins = 0;
      while ((ball.turn.load(std::memory_order_acquire) & 1) != me)
        if (++spins % 4096 == 0) std::this_thread::yield();
      ball.turn.store(2 * i + 1 + me, std::memory_order_release);
    }
  };
  std::atomic<bool> ready{false};  // the clock does not time the start of a thread
  std::thread other([&] {
    ready.store(true, std::memory_order_release);
    play(1);
  });
  while (!ready.load(std::memory_order_acquire)) std::this_thread::yield();
  const auto begin = std::chrono::steady_clock::now();
  play(0);
  other.join();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / kRounds / 2;
}

}  // namespace sounder::shm
