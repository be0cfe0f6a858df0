#include "endpoint/farewell.hpp"

namespace sounder::mpi {

Farewell::Farewell(int rank, int size, double deadline_seconds, Clock::time_point now)
    : rank_(rank), deadline_(deadline_seconds), peers_(static_cast<std::size_t>(size), Peer{.heard = now}) {}

std::vector<int> Farewell::staying() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank)
    if (rank != rank_ && !has_left(rank)) ranks.push_back(rank);
  return ranks;
}

void Farewell::say(Clock::time_point now, Outbox& out) {
  if (said_) return;
  said_ = true;
  begin_ = asked_ = now;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank)
    for (int channel = 0; channel < kChannels && rank != rank_; ++channel)
      out.send(rank, Header{.kind = Kind::bye, .channel = static_cast<Channel>(channel)});
}

bool Farewell::look(Clock::time_point now, Outbox& out) {
  if (!said_) return false;
  const bool ask = now - asked_ > deadline_ / 4;
  if (ask) asked_ = now;
  bool overdue = false;
  for (const int rank : staying()) {
    if (ask) out.send(rank, Header{.kind = Kind::ping});
    overdue |= now - peers_[index(rank)].heard > deadline_ && now - begin_ > deadline_;
  }
  return overdue;
}

WaitReport Farewell::report(Clock::time_point now) const {
  return {.on = staying(), .what = "the end of the run", .seconds = Seconds(now - begin_).count(), .overdue = now - begin_ > deadline_};
}

}  // namespace sounder::mpi
