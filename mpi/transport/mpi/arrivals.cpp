#if SOUNDER_HAS_MPI

#include "transport/mpi/arrivals.hpp"

#include <cstring>
#include <utility>

#include "transport/mpi/message_size.hpp"

namespace sounder::mpi {
namespace {

constexpr int kMessages = 32;  ///< taken at once before the first of them is handled

}  // namespace

Arrivals::Arrivals(MPI_Comm headers, MPI_Comm payloads, const std::vector<bool>& far, const SharedMemory& shared)
    : headers_(headers), payloads_(payloads), far_(far), shared_(shared), incoming_(far.size() * kChannels) {}

Arrivals::Queue& Arrivals::queue_of(const Header& header) {
  return incoming_[static_cast<std::size_t>(header.source) * kChannels + static_cast<std::size_t>(header.channel)];
}

int Arrivals::progress() {
  int moved = receives_.test([this](const std::shared_ptr<Incoming>& incoming) {
    if (--incoming->parts == 0) deliver(queue_of(incoming->header));
  });
  for (int messages = 0; messages < kMessages && accept(); ++messages) ++moved;
  return moved;
}

std::optional<Frame> Arrivals::take() {
  if (ready_.empty()) return std::nullopt;
  std::optional<Frame> frame(std::move(ready_.front()));
  ready_.pop_front();
  return frame;
}

/// Takes the next message out of the library. A probe that also takes needs one call where posted receives need one for
/// each channel, finds out the size before there is a buffer, and leaves nothing to cancel at the end. Measured, 64
/// bytes over shared memory, processor time: 5.4 us a round trip and 0.35 us a frame in bursts, against 6.9 and 1.7 us.
bool Arrivals::accept() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status{};
  check_mpi(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, headers_, &found, &message, &status), "probe");
  if (!found) return false;
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  const auto size = static_cast<std::size_t>(count);
  auto incoming = std::make_shared<Incoming>();
  incoming->header.source = status.MPI_SOURCE;
  incoming->header.channel = static_cast<Channel>(status.MPI_TAG);
  Queue& queue = queue_of(incoming->header);
  queue.push_back(incoming);
  if (size == sizeof(Header)) {
    check_mpi(MPI_Mrecv(&incoming->header, count, MPI_BYTE, &message, MPI_STATUS_IGNORE), "receive");
    if (incoming->header.bytes != 0) expect(incoming);
  } else {
    incoming->buffer.reset(new std::byte[size]);
    incoming->begin = sizeof(Header);
    incoming->size = size - sizeof(Header);
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Imrecv(incoming->buffer.get(), count, MPI_BYTE, &message, &request), "receive");
    int done = 0;
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "receive");
    if (!done) {
      incoming->parts = 1;
      receives_.add(request, incoming);
    }
  }
  deliver(queue);
  return true;
}

/// A header has announced its payload: straight into its own memory.
void Arrivals::expect(const std::shared_ptr<Incoming>& incoming) {
  const Header& header = incoming->header;
  incoming->size = header.bytes;
  incoming->buffer = make_buffer(incoming->size);
  for_each_part(incoming->size, far_[static_cast<std::size_t>(header.source)], [&](std::size_t begin, int size) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Irecv(incoming->buffer.get() + begin, size, MPI_BYTE, header.source, static_cast<int>(header.channel),
                        payloads_, &request),
              "receive a payload");
    ++incoming->parts;
    receives_.add(request, incoming);
  });
}

/// Frames behind one whose payload is still under way wait for it.
void Arrivals::deliver(Queue& queue) {
  for (; !queue.empty() && queue.front()->parts == 0; queue.pop_front()) {
    Incoming& incoming = *queue.front();
    if (incoming.begin != 0) std::memcpy(&incoming.header, incoming.buffer.get(), sizeof(Header));
    Frame& frame = ready_.emplace_back();
    frame.header = incoming.header;
    if (incoming.size < incoming.header.bytes) {
      std::uint64_t place = 0;
      std::memcpy(&place, incoming.buffer.get() + incoming.begin, sizeof place);
      frame.payload = shared_.at(incoming.header.source, place, incoming.header.bytes);
    } else if (incoming.size != 0)
      frame.payload = Payload({incoming.buffer.get() + incoming.begin, incoming.size}, incoming.buffer);
  }
}

}  // namespace sounder::mpi

#endif
