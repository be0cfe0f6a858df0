// For a test case that cannot run on this machine or in this build:
//   if (kThreadSanitizer) return skip("libgomp is not instrumented");
#pragma once

#if defined(__SANITIZE_THREAD__)
#define SOUNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOUNDER_THREAD_SANITIZER 1
#endif
#endif

namespace sounder::test {

/// Prints the reason and has the program exit with 77, which ctest counts as a skip. Call it on the main thread.
void skip(const char* reason);

/// Whether ThreadSanitizer watches. It takes every hand-over inside libgomp or Debian's TBB for a race.
#ifdef SOUNDER_THREAD_SANITIZER
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace sounder::test
