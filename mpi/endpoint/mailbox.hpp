// Where the frames of a rank go: to the handler of their kind, or into a mailbox until someone asks for them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// Calls no handler itself: that is for the communication thread, outside of the mutex that guards the mailbox.
class Mailbox {
 public:
  using Handler = std::shared_ptr<const std::function<void(Frame)>>;
  using Key = std::tuple<Kind, int, std::uint64_t>;  ///< kind, source, tag

  /// Whom to give the frame to; null: it was taken, and waits here.
  Handler take_or_handler(Frame& frame) {
    const Handler& handler = handlers_[index(frame.header.kind)];
    if (!handler) frames_[{frame.header.kind, frame.header.source, frame.header.tag}].push_back({arrivals_++, std::move(frame)});
    return handler;
  }

  bool has(const Key& key) const { return frames_.contains(key); }
  /// The first of those that has().
  Frame take(const Key& key) {
    const auto found = frames_.find(key);
    Frame frame = std::move(found->second.front().frame);
    found->second.pop_front();
    if (found->second.empty()) frames_.erase(found);
    return frame;
  }

  /// From now on; null: none. Returns what waits for it, in the order in which it came.
  std::vector<Frame> set_handler(Kind kind, Handler handler) {
    std::vector<Letter> letters;
    if (handler) {
      const auto begin = frames_.lower_bound({kind, 0, 0});
      auto end = begin;
      for (; end != frames_.end() && std::get<Kind>(end->first) == kind; ++end)
        std::move(end->second.begin(), end->second.end(), std::back_inserter(letters));
      frames_.erase(begin, end);
    }
    handlers_[index(kind)] = std::move(handler);
    std::sort(letters.begin(), letters.end(), [](const Letter& a, const Letter& b) { return a.arrival < b.arrival; });
    std::vector<Frame> frames;
    for (Letter& letter : letters) frames.push_back(std::move(letter.frame));
    return frames;
  }

 private:
  struct Letter {
    std::uint64_t arrival;
    Frame frame;
  };
  static std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

  std::map<Key, std::deque<Letter>> frames_;
  std::array<Handler, kKinds> handlers_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace sounder::mpi
