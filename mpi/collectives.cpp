#include "collectives.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <utility>

namespace sounder::mpi {
namespace {

void mail(Endpoint& endpoint, int to, std::uint64_t tag, Payload payload) {
  endpoint.send(to, Header{.kind = Kind::mail, .channel = Channel::collective, .tag = tag}, std::move(payload));
}

Payload take(Endpoint& endpoint, int from, std::uint64_t tag, std::string_view what) {
  return endpoint.receive(from, Kind::mail, tag, {.what = what, .clock = 0, .on = {}}).payload;
}

constexpr int kFew = 16;             ///< ranks that tell each other directly: one message of each to each, at once
constexpr std::size_t kSmall = 1024;  ///< bytes that others pass on, of more ranks

constexpr std::size_t padded(std::size_t bytes) {
  constexpr std::size_t kAligned = 16;
  return (bytes + kAligned - 1) / kAligned * kAligned;
}

/// What others pass on: a payload, or word that it comes by itself.
struct Parcel {
  Payload payload{};
  bool word = false;
};

/// Twice the size of each, + 1 of a word; then the payloads, each at a multiple of 16 bytes.
Payload bundle_of(std::span<const Parcel* const> parcels) {
  const std::size_t head = padded(parcels.size() * sizeof(std::uint64_t));
  std::size_t bytes = head;
  for (const Parcel* parcel : parcels) bytes += padded(parcel->payload.size());
  return Payload::filled(bytes, [&](std::span<std::byte> to) {
    std::size_t at = head;
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      const std::uint64_t size = parcels[i]->payload.size(), said = 2 * size + parcels[i]->word;
      std::memcpy(to.data() + i * sizeof said, &said, sizeof said);
      if (size > 0) std::memcpy(to.data() + at, parcels[i]->payload.bytes().data(), size);
      at += padded(size);
    }
  });
}

/// f(i, parcel) for each of the `count` parcels of a bundle, which keep it alive.
template <class F>
void each_parcel(const Payload& bundle, std::size_t count, F f) {
  std::size_t at = padded(count * sizeof(std::uint64_t));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t said = bundle.as<std::uint64_t>()[i], size = said / 2;
    f(i, Parcel{Payload(bundle.bytes().subspan(at, size), bundle.keeper()), said % 2 != 0});
    at += padded(size);
  }
}

/// In as many steps as P has bits: a rank passes on all that it knows, to a rank that is 1, 2, 4, ... before it (Bruck et al., "Efficient
/// algorithms for all-to-all communications", 1997).
std::vector<Payload> gather_in_bundles(Endpoint& endpoint, Payload mine) {
  const auto size = static_cast<std::size_t>(endpoint.size()), own = static_cast<std::size_t>(endpoint.rank());
  std::vector<Parcel> known{{std::move(mine)}};  // of the ranks own, own + 1, ...
  while (known.size() < size) {
    const std::size_t distance = known.size(), count = std::min(distance, size - distance);
    std::vector<const Parcel*> told;
    for (std::size_t i = 0; i < count; ++i) told.push_back(&known[i]);
    const std::uint64_t tag = endpoint.next_tag();
    mail(endpoint, static_cast<int>((own + size - distance) % size), tag, bundle_of(told));
    const Payload bundle = take(endpoint, static_cast<int>((own + distance) % size), tag, "a gathering of all ranks");
    each_parcel(bundle, count, [&](std::size_t, Parcel parcel) { known.push_back(std::move(parcel)); });
  }
  std::vector<Payload> all(size);
  for (std::size_t i = 0; i < size; ++i) all[(own + i) % size] = std::move(known[i].payload);
  return all;
}

/// As many steps (Bruck et al., too): what is to go d ranks on goes by way of the powers of two that d is the sum of, together with all else
/// that takes the same step.
std::vector<Parcel> exchange_in_bundles(Endpoint& endpoint, const std::vector<Parcel>& to) {
  const auto size = static_cast<std::size_t>(endpoint.size()), own = static_cast<std::size_t>(endpoint.rank());
  std::vector<Parcel> under_way;  // by how far it has to go in all
  for (std::size_t distance = 0; distance < size; ++distance) under_way.push_back(to[(own + distance) % size]);
  for (std::size_t step = 1; step < size; step *= 2) {
    std::vector<const Parcel*> told;
    std::vector<std::size_t> places;
    for (std::size_t distance = step; distance < size; ++distance)
      if (distance & step) told.push_back(&under_way[distance]), places.push_back(distance);
    const std::uint64_t tag = endpoint.next_tag();
    mail(endpoint, static_cast<int>((own + step) % size), tag, bundle_of(told));
    const Payload bundle = take(endpoint, static_cast<int>((own + size - step) % size), tag, "a gathering of all ranks");
    each_parcel(bundle, places.size(), [&](std::size_t i, Parcel parcel) { under_way[places[i]] = std::move(parcel); });
  }
  std::vector<Parcel> from(size);
  for (std::size_t distance = 0; distance < size; ++distance) from[(own + size - distance) % size] = std::move(under_way[distance]);
  return from;
}

/// With those whom this rank is to tell and to hear. Each rank begins with another receiver.
void exchange_directly(Endpoint& endpoint, const std::vector<Payload>& to, const std::vector<bool>& tell, const std::vector<bool>& hear,
                       std::vector<Payload>& from) {
  const std::uint64_t tag = endpoint.next_tag();
  const int size = endpoint.size(), own = endpoint.rank();
  for (int i = 1; i < size; ++i)
    if (const auto rank = static_cast<std::size_t>((own + i) % size); tell[rank]) mail(endpoint, static_cast<int>(rank), tag, to[rank]);
  std::vector<int> sources;
  for (int rank = 0; rank < size; ++rank)
    if (rank != own && hear[static_cast<std::size_t>(rank)]) sources.push_back(rank);
  std::vector<Frame> frames = endpoint.receive_all(sources, Kind::mail, tag, {.what = "a gathering of all ranks", .clock = 0, .on = {}});
  for (std::size_t i = 0; i < sources.size(); ++i) from[static_cast<std::size_t>(sources[i])] = std::move(frames[i].payload);
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

std::vector<Payload> gather(Endpoint& endpoint, int root, Payload mine) {
  const std::uint64_t tag = endpoint.next_tag();
  if (endpoint.rank() != root) return mail(endpoint, root, tag, std::move(mine)), std::vector<Payload>();
  std::vector<int> others(static_cast<std::size_t>(endpoint.size()));
  std::iota(others.begin(), others.end(), 0);
  std::erase(others, root);
  std::vector<Payload> all;
  for (Frame& frame : endpoint.receive_all(others, Kind::mail, tag, {.what = "a gathering of all ranks", .clock = 0, .on = {}}))
    all.push_back(std::move(frame.payload));
  all.insert(all.begin() + root, std::move(mine));
  return all;
}

Payload broadcast(Endpoint& endpoint, int root, Payload mine) {
  const std::uint64_t tag = endpoint.next_tag();
  if (endpoint.rank() != root) return take(endpoint, root, tag, "a broadcast");
  for (int rank = 0; rank < endpoint.size(); ++rank)
    if (rank != root) mail(endpoint, rank, tag, mine);
  return mine;
}

std::vector<Payload> all_to_all(Endpoint& endpoint, std::vector<Payload> to) {
  const std::size_t size = to.size();
  const auto own = static_cast<std::size_t>(endpoint.rank());
  if (endpoint.size() <= kFew) {
    std::vector<Payload> from(size);
    from[own] = to[own];
    exchange_directly(endpoint, to, std::vector<bool>(size, true), std::vector<bool>(size, true), from);
    return from;
  }
  std::vector<Parcel> parcels(size);
  std::vector<bool> tell(size), hear(size);
  for (std::size_t rank = 0; rank < size; ++rank) {
    tell[rank] = to[rank].size() > kSmall;
    parcels[rank] = tell[rank] ? Parcel{{}, true} : Parcel{to[rank]};
  }
  parcels = exchange_in_bundles(endpoint, parcels);
  std::vector<Payload> from(size);
  for (std::size_t rank = 0; rank < size; ++rank) {
    hear[rank] = parcels[rank].word;
    from[rank] = std::move(parcels[rank].payload);
  }
  from[own] = to[own];
  exchange_directly(endpoint, to, tell, hear, from);
  return from;
}

}  // namespace sounder::mpi
