// Frames that come in over the MPI library, put together of their messages, in the order of each source and channel.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <mpi.h>

#include "protocol/frame.hpp"
#include "transport/mpi/requests.hpp"
#include "transport/mpi/shared_memory.hpp"

namespace sounder::mpi {

class Arrivals {
 public:
  /// The communicators of the headers and of large payloads, which of their ranks are on other machines, and where
  /// others leave payloads.
  Arrivals(MPI_Comm headers, MPI_Comm payloads, const std::vector<bool>& far, const SharedMemory& shared);

  /// Takes out of the library what has come in; returns how many messages moved.
  int progress();
  /// A frame that came by another way: to the own rank.
  void put(Frame frame) { ready_.push_back(std::move(frame)); }
  bool any() const { return !ready_.empty(); }
  std::optional<Frame> take();

  bool under_way() const { return !receives_.empty(); }
  void abandon() { receives_.abandon(); }

 private:
  struct Incoming {
    Header header;
    std::shared_ptr<std::byte[]> buffer;
    std::size_t begin = 0, size = 0;  ///< of the payload in the buffer; a header is before it, or not
    int parts = 0;                    ///< messages still under way
  };
  using Queue = std::deque<std::shared_ptr<Incoming>>;

  bool accept();
  void expect(const std::shared_ptr<Incoming>& incoming);
  void deliver(Queue& queue);
  Queue& queue_of(const Header& header);

  const MPI_Comm headers_, payloads_;
  const std::vector<bool>& far_;
  const SharedMemory& shared_;
  Requests<std::shared_ptr<Incoming>> receives_;
  std::vector<Queue> incoming_;  ///< by source and channel, in order of arrival
  std::deque<Frame> ready_;
};

}  // namespace sounder::mpi
