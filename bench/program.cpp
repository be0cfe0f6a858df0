#include "program.hpp"

#include <cerrno>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

// Written by: the handler of signals. Read by: workers that pull chunks, and whoever agrees on the end of a round.
// Order: relaxed; only its value matters.
std::atomic<bool> stop{false};

void on_signal(int signal) {
  stop.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_signals(std::initializer_list<int> signals) {
  for (const int signal : signals) std::signal(signal, on_signal);
}

const std::atomic<bool>& interrupted() { return stop; }

int guarded(const std::function<int()>& body, const std::function<void(const std::string&)>& complain) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return body();
  } catch (const std::bad_alloc&) {
    complain("out of memory: use a smaller set or fewer --factors");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return kBadInput;
}

void flush(std::FILE* out) {
  if (std::fflush(out) != 0)
    throw Error(fmt::format("cannot write {}: {}", out == stdout ? "stdout" : "stderr", std::strerror(errno)));
}

}  // namespace sounder::bench
