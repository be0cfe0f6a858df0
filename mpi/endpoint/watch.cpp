#include "endpoint/watch.hpp"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

namespace sounder::mpi {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kFarewell = 0.25;  ///< for telling others of a failure
constexpr auto kLookEvery = std::chrono::milliseconds(1);

double seconds_of(std::chrono::steady_clock::time_point time) { return Seconds(time.time_since_epoch()).count(); }

}  // namespace

Watch::Watch(Desk& desk, Transport& transport, double deadline_seconds)
    : desk_(desk),
      transport_(transport),
      out_(transport),
      rank_(transport.rank()),
      farewell_(rank_, transport.size(), deadline_seconds, desk.time.now()),
      membership_(rank_, transport.size(), std::min(2.0, deadline_seconds / 4), [this] { return reports(); }) {}

void Watch::take(const Frame& frame) {
  const Kind kind = frame.header.kind;
  const int source = frame.header.source;
  if (kind == Kind::ping) out_.send(source, Header{.kind = Kind::pong});
  if (kind == Kind::verdict) membership_.receive(seconds_of(desk_.time.now()), frame, out_);
  if (kind == Kind::bye && farewell_.take_bye(source)) membership_.leave(source);
}

std::string Watch::look() {
  const auto now = desk_.time.now();
  if (now - looked_ < kLookEvery) return {};
  looked_ = now;
  bool overdue = false;
  std::string failure;
  {
    const std::lock_guard lock(desk_.mutex);
    overdue = desk_.waits.look(now, desk_.links, [&](int missing, const Waiter& waiter) {
      if (!farewell_.has_left(missing)) return;
      failure = fmt::format("rank {} has ended its part of the run, and rank {} still waits for it ({})", missing, rank_,
                            waiter.why->what.empty() ? "a message" : waiter.why->what);
    });
  }
  if (!failure.empty()) return failure;
  overdue |= farewell_.look(now, out_);
  if (overdue) membership_.suspect(seconds_of(now), out_);
  if (membership_.active()) membership_.tick(seconds_of(now), out_);
  return membership_.verdict() ? conclude() : std::string();
}

/// All who hear each other have agreed on who is missing.
std::string Watch::conclude() {
  int speaker = 0;
  while (membership_.missing().contains(speaker)) ++speaker;
  const std::lock_guard lock(desk_.mutex);
  if (desk_.failure.empty()) desk_.speaker = speaker;
  return *membership_.verdict();
}

std::vector<WaitReport> Watch::reports() {
  const auto now = desk_.time.now();
  const std::lock_guard lock(desk_.mutex);
  std::vector<WaitReport> reports = desk_.waits.reports(now);
  if (farewell_.said()) reports.push_back(farewell_.report(now));
  return reports;
}

void Watch::announce(const std::string& reason) {
  membership_.announce(reason, out_);
  const auto end = desk_.time.now() + Seconds(kFarewell);
  while (!transport_.flushed() && desk_.time.now() < end) {
    transport_.receive();
    transport_.sleep(0);
  }
}

bool Watch::may_end() {
  farewell_.say(desk_.time.now(), out_);
  return transport_.flushed() && (!transport_.ends_together() || farewell_.all_have_left());
}

}  // namespace sounder::mpi
