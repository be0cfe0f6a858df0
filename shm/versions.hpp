// Published versions of the parameters: immutable while anybody reads them, replaced by compare-and-swap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sounder/params/memory.hpp>
#include <sounder/params/table.hpp>

namespace sounder::shm {

/// 2 P + 1 buffers for P workers: each holds at most two (one to read, one to write), and one is published.
class Versions {
 public:
  struct alignas(2 * kCacheLine) Version {
    Memory memory;
    // Written by: whoever takes or leaves the buffer. Read by: whoever looks for a free one. Order: acquire and release:
    // who takes a free buffer has seen the last reader leave. 1 for the one who writes it or for its being published, and
    // 1 for each reader.
    std::atomic<std::uint32_t> holders{0};
  };

  Versions(std::size_t floats, int workers);

  /// The newest version, which stays as it is until it is released.
  Version& acquire();
  void release(Version& version) { version.holders.fetch_sub(1, std::memory_order_acq_rel); }
  /// A buffer that nobody reads, to write the next version into.
  Version& claim();
  /// Makes `next` the newest, if `base` still is; else changes nothing. The caller holds `base`, and has claimed `next`,
  /// which must be written already.
  bool publish(Version& base, Version& next);

 private:
  std::vector<Version> versions_;
  // Written by: publish. Read by: acquire. Order: acquire and release; publishes the cells of the version.
  alignas(kCacheLine) std::atomic<Version*> newest_;
};

}  // namespace sounder::shm
