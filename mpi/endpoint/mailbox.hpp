// Where the frames of a rank go: to the handler of their kind, or into a mailbox until someone asks for them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// Calls no handler itself: that is for the communication thread, outside of the mutex that guards the mailbox.
class Mailbox {
 public:
  using Handler = std::shared_ptr<const std::function<void(Frame)>>;
  struct Place {
    int source;
    std::uint64_t tag;
    bool operator==(const Place&) const = default;
  };
  struct Key {
    Kind kind;
    Place place;
  };

  /// Whom to give the frame to; null: it was taken, and waits here.
  Handler take_or_handler(Frame& frame) {
    const Handler& handler = handlers_[index(frame.header.kind)];
    if (!handler) of(frame.header.kind)[{frame.header.source, frame.header.tag}].push_back({arrivals_++, std::move(frame)});
    return handler;
  }

  bool has(const Key& key) const { return frames_[index(key.kind)].contains(key.place); }
  /// The first of those that has().
  Frame take(const Key& key) {
    Places& places = of(key.kind);
    const auto found = places.find(key.place);
    Frame frame = std::move(found->second.front().frame);
    found->second.erase(found->second.begin());
    if (found->second.empty()) places.erase(found);
    return frame;
  }

  /// From now on; null: none. Returns what waits for it, in the order in which it came.
  std::vector<Frame> set_handler(Kind kind, Handler handler) {
    std::vector<Letter> letters;
    if (handler) {
      for (auto& place : of(kind)) std::move(place.second.begin(), place.second.end(), std::back_inserter(letters));
      of(kind).clear();
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
  struct Hash {
    std::size_t operator()(const Place& place) const { return (place.tag << 20 ^ static_cast<std::size_t>(place.source)) * 0x9E3779B97F4A7C15; }
  };
  /// Hardly ever does more than one frame wait in a place; on many ranks, there are many places.
  using Places = std::unordered_map<Place, std::vector<Letter>, Hash>;
  static std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
  Places& of(Kind kind) { return frames_[index(kind)]; }

  std::array<Places, kKinds> frames_;
  std::array<Handler, kKinds> handlers_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace sounder::mpi
