// What ranks send each other: a header of 64 bytes and a payload that nobody copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/buffers.hpp"

namespace sounder::mpi {

/// Frames between two ranks arrive in the order in which they were sent, if they are on one channel. Nothing is promised
/// of frames on different channels: a clock may overtake the push before it.
enum class Channel : std::uint16_t { control, bulk, collective, gossip };
inline constexpr int kChannels = 4;

/// What a frame is for; who handles it on arrival (Endpoint::handle), or that someone waits for it (Endpoint::receive).
enum class Kind : std::uint16_t {
  mail,        ///< of collectives and reducers: waits in a mailbox, by (source, tag)
  hello,       ///< configuration of a rank, at the start
  ping, pong,  ///< is anybody there?
  verdict,     ///< of Membership: who is missing, who waits for whom
  push,        ///< movements or gradients of rows, to their server
  pull,        ///< asks a server for rows
  values,      ///< its answer
  clock,       ///< a worker has completed a clock
  advanced,    ///< a server tells that the slowest clock has moved on
  progress,    ///< examples processed, to rank 0
  point,       ///< rank 0: take the snapshot of a point of the curve
  stop,        ///< rank 0: enough examples
  parameters,  ///< of gossip, to a neighbour
  pair,        ///< of pairwise gossip
  bye,         ///< the sender ends: nothing of it follows on this channel
};
inline constexpr int kKinds = static_cast<int>(Kind::bye) + 1;

/// 64 bytes, sent as they lie in memory: the ranks of a run have one byte order (checked by hello).
struct Header {
  Kind kind = Kind::mail;
  Channel channel = Channel::control;
  std::int32_t source = 0;     ///< the sending rank; set by Endpoint::send
  std::uint64_t tag = 0;       ///< tells frames of one kind apart: a collective's number, a transfer, a point
  std::uint64_t clock = 0;     ///< the round that it belongs to
  std::uint64_t sequence = 0;  ///< counts the frames of a kind to one receiver, where exactly-once matters
  std::uint64_t examples = 0;  ///< processed for what is inside
  std::uint64_t detail = 0;    ///< by kind
  std::uint64_t more = 0;      ///< by kind
  std::uint64_t bytes = 0;     ///< of the payload; set by Endpoint::send
};
static_assert(sizeof(Header) == 64 && std::is_trivially_copyable_v<Header>);

/// Immutable bytes that sender, transport and receiver share: in one process a payload is handed over, never copied.
class Payload {
 public:
  Payload() = default;
  /// Bytes owned by `keeper`, which is let go when the last copy of the payload is: once they were sent, and on arrival
  /// within a process once they were read.
  Payload(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper)
      : keeper_(std::move(keeper)), data_(bytes.data()), size_(bytes.size()) {}

  /// Moves a vector into a payload.
  template <class T>
  static Payload of(std::vector<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    auto keeper = std::make_shared<const std::vector<T>>(std::move(values));
    const auto bytes = std::as_bytes(std::span(*keeper));
    return Payload(bytes, std::move(keeper));
  }
  /// Bytes to be filled by `fill(std::span<std::byte>)`, not zeroed before, aligned for any type up to 16 bytes.
  template <class F>
  static Payload filled(std::size_t size, F fill) {
    return filled(make_buffer(size), size, fill);
  }
  /// The same in memory that is there.
  template <class F>
  static Payload filled(std::shared_ptr<std::byte[]> keeper, std::size_t size, F fill) {
    std::byte* const data = keeper.get();
    fill(std::span(data, size));
    return Payload({data, size}, std::move(keeper));
  }

  /// A copy of these values.
  template <class T>
  static Payload copy(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    return filled(values.size_bytes(), [&](std::span<std::byte> to) {
      if (!values.empty()) std::memcpy(to.data(), values.data(), values.size_bytes());
    });
  }

  std::size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// The payload as an array of T; the rest of a T at its end is left out.
  template <class T>
  std::span<const T> as() const {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }
  const std::shared_ptr<const void>& keeper() const { return keeper_; }

 private:
  std::shared_ptr<const void> keeper_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

struct Frame {
  Header header;
  Payload payload;
};

/// Where a protocol puts what it wants to be sent: an Endpoint, or a simulator.
class Outbox {
 public:
  virtual ~Outbox() = default;
  /// Never waits. Sets source and bytes. `to` may be the own rank: the frame then arrives like any other.
  virtual void send(int to, Header header, Payload payload = {}) = 0;
  /// On the communication thread: memory for a payload to that rank, perhaps where it can read it itself.
  virtual std::shared_ptr<std::byte[]> memory(int /*to*/, std::size_t bytes) { return make_buffer(bytes); }
  /// On the communication thread: what was sent leaves now, since more takes time to make.
  virtual void flush() {}
};

}  // namespace sounder::mpi
