#include "versions.hpp"

namespace sounder::shm {

Versions::Versions(std::size_t floats, int workers) : versions_(2 * static_cast<std::size_t>(workers) + 1), newest_(&versions_[0]) {
  for (Version& version : versions_) version.memory = Memory(floats, MemoryKind::heap);
  versions_[0].holders.store(1, std::memory_order_relaxed);
}

Versions::Version& Versions::acquire() {
  for (;;) {
    Version& version = *newest_.load(std::memory_order_acquire);
    version.holders.fetch_add(1, std::memory_order_acq_rel);
    // Still the newest: it was held by its being published when this worker came, so nobody has begun to overwrite it.
    if (newest_.load(std::memory_order_acquire) == &version) return version;
    release(version);
  }
}

Versions::Version& Versions::claim() {
  for (;;)  // two buffers are free at least; a reader that comes too late may hide one for a moment
    for (Version& version : versions_) {
      std::uint32_t none = 0;
      if (version.holders.load(std::memory_order_relaxed) == 0 &&
          version.holders.compare_exchange_strong(none, 1, std::memory_order_acq_rel, std::memory_order_relaxed))
        return version;
    }
}

bool Versions::publish(Version& base, Version& next) {
  Version* expected = &base;
  if (!newest_.compare_exchange_strong(expected, &next, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
  release(base);  // its being published; that of `next` is what its writer held
  return true;
}

}  // namespace sounder::shm
