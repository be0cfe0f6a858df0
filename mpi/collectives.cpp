#include "collectives.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace sounder::mpi {
namespace {

void mail(Endpoint& endpoint, int to, std::uint64_t tag, Payload payload) {
  endpoint.send(to, Header{.kind = Kind::mail, .channel = Channel::collective, .tag = tag}, std::move(payload));
}

Payload take(Endpoint& endpoint, int from, std::uint64_t tag, std::string_view what) {
  return endpoint.receive(from, Kind::mail, tag, {.what = what, .clock = 0, .on = {}}).payload;
}

constexpr int kFew = 16;  ///< ranks that tell each other directly: one message of each to each, at once

/// In as many steps as P has bits: a rank passes on all that it knows, to a rank that is 1, 2, 4, ... before it (Bruck et al., "Efficient
/// algorithms for all-to-all communications", 1997). A bundle: the sizes, then the payloads, each at a multiple of 16 bytes.
std::vector<Payload> gather_in_bundles(Endpoint& endpoint, Payload mine) {
  constexpr std::size_t kAligned = 16;
  const auto padded = [](std::size_t bytes) { return (bytes + kAligned - 1) / kAligned * kAligned; };
  const auto size = static_cast<std::size_t>(endpoint.size()), own = static_cast<std::size_t>(endpoint.rank());
  std::vector<Payload> known{std::move(mine)};  // of the ranks own, own + 1, ...
  while (known.size() < size) {
    const std::size_t distance = known.size(), count = std::min(distance, size - distance), head = padded(count * sizeof(std::uint64_t));
    std::size_t bytes = head;
    for (std::size_t i = 0; i < count; ++i) bytes += padded(known[i].size());
    const std::uint64_t tag = endpoint.next_tag();
    mail(endpoint, static_cast<int>((own + size - distance) % size), tag, Payload::filled(bytes, [&](std::span<std::byte> to) {
           std::size_t at = head;
           for (std::size_t i = 0; i < count; ++i) {
             const std::uint64_t part = known[i].size();
             std::memcpy(to.data() + i * sizeof part, &part, sizeof part);
             if (part > 0) std::memcpy(to.data() + at, known[i].bytes().data(), part);
             at += padded(part);
           }
         }));
    const Payload bundle = take(endpoint, static_cast<int>((own + distance) % size), tag, "a gathering of all ranks");
    std::size_t at = head;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t part = bundle.as<std::uint64_t>()[i];
      known.emplace_back(bundle.bytes().subspan(at, part), bundle.keeper());
      at += padded(part);
    }
  }
  std::rotate(known.begin(), known.begin() + static_cast<std::ptrdiff_t>((size - own) % size), known.end());
  return known;
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
  if (endpoint.size() > kFew) return gather_in_bundles(endpoint, std::move(mine));
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
