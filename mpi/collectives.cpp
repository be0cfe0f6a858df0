#include "collectives.hpp"

#include <utility>

namespace sounder::mpi {
namespace {

void mail(Endpoint& endpoint, int to, std::uint64_t tag, Payload payload) {
  endpoint.send(to, Header{.kind = Kind::mail, .channel = Channel::collective, .tag = tag}, std::move(payload));
}

Payload take(Endpoint& endpoint, int from, std::uint64_t tag, std::string_view what) {
  return endpoint.receive(from, Kind::mail, tag, {.what = what, .clock = 0, .on = {}}).payload;
}

}  // namespace

void barrier(Endpoint& endpoint) {
  // After the step of distance d a rank knows that the 2 d ranks before it have come.
  for (int distance = 1; distance < endpoint.size(); distance *= 2) {
    const std::uint64_t tag = endpoint.next_tag();
    mail(endpoint, (endpoint.rank() + distance) % endpoint.size(), tag, {});
    take(endpoint, (endpoint.rank() - distance + endpoint.size()) % endpoint.size(), tag, "a barrier");
  }
}

std::vector<Payload> all_gather(Endpoint& endpoint, Payload mine) {
  return all_to_all(endpoint, std::vector<Payload>(static_cast<std::size_t>(endpoint.size()), mine));
}

Payload broadcast(Endpoint& endpoint, int root, Payload mine) {
  const std::uint64_t tag = endpoint.next_tag();
  if (endpoint.rank() != root) return take(endpoint, root, tag, "a broadcast");
  for (int rank = 0; rank < endpoint.size(); ++rank)
    if (rank != root) mail(endpoint, rank, tag, mine);
  return mine;
}

std::vector<Payload> all_to_all(Endpoint& endpoint, std::vector<Payload> to) {
  const std::uint64_t tag = endpoint.next_tag();
  const int size = endpoint.size(), own = endpoint.rank();
  for (int i = 1; i < size; ++i) {  // each begins with another receiver
    const int rank = (own + i) % size;
    mail(endpoint, rank, tag, std::move(to[static_cast<std::size_t>(rank)]));
  }
  std::vector<Payload> from(to.size());
  from[static_cast<std::size_t>(own)] = std::move(to[static_cast<std::size_t>(own)]);
  for (int rank = 0; rank < size; ++rank)
    if (rank != own) from[static_cast<std::size_t>(rank)] = take(endpoint, rank, tag, "a gathering of all ranks");
  return from;
}

}  // namespace sounder::mpi
