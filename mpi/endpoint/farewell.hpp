// The end of a run: who has said goodbye, and who is still there.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/membership.hpp"

namespace sounder::mpi {

/// A rank says goodbye on every channel, since frames of one may still be under way when another's goodbye has come. Of the
/// communication thread, which hears everybody.
class Farewell {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  Farewell(int rank, int size, double deadline_seconds, Clock::time_point now);

  /// A frame of that rank has come in.
  void hear(int rank, Clock::time_point now) { peers_[index(rank)].heard = now; }
  /// It was a goodbye. Returns whether that was the last: the rank has left.
  bool take_bye(int rank) { return ++peers_[index(rank)].byes == kChannels; }
  bool has_left(int rank) const { return peers_[index(rank)].byes == kChannels; }
  /// Of the others.
  bool all_have_left() const { return staying().empty(); }

  /// The own goodbye, once.
  void say(Clock::time_point now, Outbox& out);
  bool said() const { return said_; }
  /// After the own goodbye: asks those who stay whether they are there. They may stay for long, if only they answer: returns
  /// whether one has not within the deadline.
  bool look(Clock::time_point now, Outbox& out);
  WaitReport report(Clock::time_point now) const;

 private:
  struct Peer {
    int byes = 0;
    Clock::time_point heard{};
  };
  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }
  std::vector<int> staying() const;

  const int rank_;
  const Seconds deadline_;
  std::vector<Peer> peers_;
  bool said_ = false;
  Clock::time_point begin_{}, asked_{};
};

}  // namespace sounder::mpi
