// A bench program from outside: exit status, signals, and one sentence on stderr for every error.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <string>

namespace sounder::bench {

enum ExitStatus { kAllRan = 0, kBadInput = 2, kDiverged = 3, kNoDevice = 77, kInterrupted = 130 };

/// From now on these signals set `interrupted()`, the first time; a second one ends the process at once.
void catch_signals(std::initializer_list<int> signals = {SIGINT, SIGTERM});
const std::atomic<bool>& interrupted();

/// What `body` returns. An exception becomes one sentence given to `complain`, and kBadInput. A closed pipe is an error like any
/// other, not the end of the process.
int guarded(const std::function<int()>& body, const std::function<void(const std::string&)>& complain);

/// Throws Error if something that was printed could not be written.
void flush(std::FILE* out);

}  // namespace sounder::bench
