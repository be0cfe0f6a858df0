#include "live_line.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "units.hpp"

namespace sounder::bench {

bool on_terminal() { return isatty(STDERR_FILENO) || std::getenv("SOUNDER_TERMINAL"); }

LiveLine::LiveLine(std::string program, bool quiet, std::function<std::string()> text)
    : program_(std::move(program)), text_(std::move(text)), enabled_(!quiet && on_terminal()) {
  if (enabled_) thread_ = std::thread([this] { show(); });
}

LiveLine::~LiveLine() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (enabled_) fmt::print(stderr, "\r\033[K");
}

void LiveLine::say(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  fmt::print(stderr, "{}{}: {}\n", enabled_ ? "\r\033[K" : "", program_, sentence);
}

void LiveLine::show() {
  constexpr auto kPeriod = std::chrono::milliseconds(200);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [&] { return ended_; })) {
    const std::string text = text_();
    if (text.empty()) continue;
    fmt::print(stderr, "\r\033[K{}", text);
    std::fflush(stderr);
  }
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string progress_text(const std::string& label, int epoch, int epochs, double loss, double began, double done, double all) {
  const double elapsed = now() - began;
  const double left = done > 0 ? elapsed * (all / done - 1) : NAN;
  return fmt::format("{}  epoch {}/{}{}  {} examples/s  {} left", label, epoch, epochs,
                     std::isfinite(loss) ? fmt::format("  loss {:.5f}", loss) : "", human(elapsed > 0 ? done / elapsed : NAN),
                     std::isfinite(left) ? duration(std::max(left, 0.)) : "?");
}

}  // namespace sounder::bench
