// The only place where the data code starts threads: oneTBB, or a plain loop under ThreadSanitizer,
// which cannot see into a oneTBB that was built without it.
#pragma once

#include <algorithm>
#include <cstddef>

#if defined(__SANITIZE_THREAD__)
#define SOUNDER_SERIAL_DATA 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOUNDER_SERIAL_DATA 1
#endif
#endif

#ifndef SOUNDER_SERIAL_DATA
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_invoke.h>
#include <tbb/parallel_sort.h>
#endif

namespace sounder {

/// Calls `body(begin, end)` on pieces of [0, count), each of at least about `grain` elements.
template <class Body>
void parallel_ranges(std::size_t count, std::size_t grain, const Body& body) {
#ifdef SOUNDER_SERIAL_DATA
  (void)grain;
  if (count > 0) body(std::size_t{0}, count);
#else
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, std::max<std::size_t>(grain, 1)),
                    [&](const tbb::blocked_range<std::size_t>& range) { body(range.begin(), range.end()); });
#endif
}

/// Calls every function, perhaps at the same time.
template <class... Functions>
void parallel_invoke(const Functions&... functions) {
#ifdef SOUNDER_SERIAL_DATA
  (functions(), ...);
#else
  tbb::parallel_invoke(functions...);
#endif
}

template <class Iterator>
void parallel_sort(Iterator begin, Iterator end) {
#ifdef SOUNDER_SERIAL_DATA
  std::sort(begin, end);
#else
  tbb::parallel_sort(begin, end);
#endif
}

}  // namespace sounder
