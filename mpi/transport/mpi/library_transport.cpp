#if SOUNDER_HAS_MPI

#include "transport/mpi/library_transport.hpp"

#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "transport/mpi/message_size.hpp"

namespace sounder::mpi {

LibraryTransport::LibraryTransport(MPI_Comm parent, bool finalize)
    : finalize_(finalize),
      name_(library_name()),
      headers_(duplicate(parent)),
      payloads_(duplicate(parent)),
      reductions_(duplicate(parent)),
      rank_(rank_in(headers_)),
      size_(ranks_in(headers_)),
      far_(on_other_machines(headers_)),
      roomy_(have_a_core_each(headers_)),
      shared_(headers_, far_),
      arrivals_(headers_, payloads_, far_, shared_),
      idle_(roomy_) {}

LibraryTransport::~LibraryTransport() {
  if (abandoned_) return;  // finalizing would wait for ranks that do not answer
  for (MPI_Comm* communicator : {&headers_, &payloads_, &reductions_}) release(*communicator);
  if (finalize_) MPI_Finalize();
}

void LibraryTransport::send(int to, Frame frame) {
  idle_.moved();
  if (to == rank_) return arrivals_.put(std::move(frame));
  const int tag = static_cast<int>(frame.header.channel);
  const std::span<const std::byte> bytes = frame.payload.bytes();
  const bool small = bytes.size() <= kSmall;
  const std::optional<std::uint64_t> place = small ? std::nullopt : shared_.put(to, bytes);
  const std::span<const std::byte> behind = small   ? bytes
                                            : place ? std::as_bytes(std::span(&*place, 1))
                                                    : std::span<const std::byte>();
  const std::size_t size = sizeof(Header) + behind.size();
  std::shared_ptr<std::byte[]> message(new std::byte[size]);
  std::memcpy(message.get(), &frame.header, sizeof(Header));
  if (!behind.empty()) std::memcpy(message.get() + sizeof(Header), behind.data(), behind.size());
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Isend(message.get(), static_cast<int>(size), MPI_BYTE, to, tag, headers_, &request), "send");
  sends_.add(request, std::move(message));
  if (small || place) return;
  for_each_part(bytes.size(), far_[static_cast<std::size_t>(to)], [&](std::size_t begin, int part) {
    check_mpi(MPI_Isend(bytes.data() + begin, part, MPI_BYTE, to, tag, payloads_, &request), "send a payload");
    sends_.add(request, frame.payload.keeper());
  });
}

std::shared_ptr<std::byte[]> LibraryTransport::memory(int to, std::size_t bytes) {
  auto shared = bytes > kSmall ? shared_.take(to, bytes) : nullptr;
  return shared ? shared : make_buffer(bytes);
}

std::optional<Frame> LibraryTransport::receive() {
  if (!arrivals_.any()) {
    const int sent = sends_.test([](auto&) {});
    if (sent + arrivals_.progress() != 0) idle_.moved();
    busy_.store(!sends_.empty() || arrivals_.under_way(), std::memory_order_relaxed);
  }
  return arrivals_.take();
}

bool LibraryTransport::flushed() {
  if (sends_.test([](auto&) {}) != 0) idle_.moved();
  return sends_.empty();
}

void LibraryTransport::abandon() {
  abandoned_ = true;
  idle_.abandon();
  sends_.abandon();
  arrivals_.abandon();
}

void LibraryTransport::abort(int status) {
  MPI_Abort(headers_, status);
  ::_exit(status);
}

}  // namespace sounder::mpi

#endif
