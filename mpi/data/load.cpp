// Loading on several ranks: each reads a part, all agree, and the examples go to the owners of their shards.
#include <sounder/mpi/data.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sounder/data/part.hpp>
#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "collectives.hpp"
#include "data/deal.hpp"
#include "data/together.hpp"
#include "data/whole.hpp"

namespace sounder::mpi {
namespace {

constexpr std::uint64_t kShuffleStream = 0x5348415244000000;  // "SHARD", then its number: no other use of the seed draws from it

/// A part as it was read, and what it is a part of.
struct Read {
  Columns columns;
  Place place;
  std::uint64_t nonzeros = 0;  ///< of the whole set
  std::shared_ptr<const Columns> whole{};  ///< where it is at hand
};

/// Ranks of one process that take turns: to read a source, or to make one, a thousand times over takes a thousand times as long.
Read cut_of_whole(World& world, const std::string& source, const LoadOptions& options, Part part) {
  auto whole = one_for_all<Columns>(world.endpoint(), [&] { return load(source, options); });
  Columns mine = cut(*whole, part);
  return {.columns = std::move(mine), .place = {part.of(whole->examples()).first, whole->examples()}, .nonzeros = whole->nonzeros(), .whole = std::move(whole)};
}

Read read(World& world, const std::string& source, const LoadOptions& options, Part part) {
  if (world.endpoint().transport().turns()) return cut_of_whole(world, source, options, part);
  LoadedPart mine = together(world, [&] { return load_part(source, options, part); });
  std::vector<PartFacts> all = all_facts(world.endpoint(), mine.facts);
  Read result;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (rank < static_cast<std::size_t>(world.rank())) result.place.first += all[rank].examples;
    result.place.examples += all[rank].examples;
    result.nonzeros += all[rank].nonzeros;
  }
  result.columns = together(world, [&] { return settle(std::move(mine), all, options); });
  return result;
}

void check_workers(const World& world, int workers) {
  if (workers < 1 || workers > world.size())
    throw Error(fmt::format("{} of {} ranks cannot train; let 1 to {} of them", workers, world.size(), world.size()));
}

/// Each shard in a random order of its own, so that it is the same whoever owns it (Fisher and Yates).
std::vector<std::uint32_t> shuffled(const Dealt& dealt, std::uint64_t seed) {
  std::vector<std::uint32_t> order(dealt.positions.size());
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t s = 0; s + 1 < dealt.shard_begins.size(); ++s) {
    Random random(seed, kShuffleStream + static_cast<std::uint64_t>(dealt.first_shard) + s);
    const std::size_t begin = dealt.shard_begins[s];
    for (std::size_t left = dealt.shard_begins[s + 1] - begin; left > 1; --left)
      std::swap(order[begin + left - 1], order[begin + random.below(left)]);
  }
  return order;
}

}  // namespace

SharedSet load_train(World& world, int workers, const std::string& source, const LoadOptions& options, PartitionName partition,
                     std::uint64_t seed, const std::vector<std::vector<std::uint32_t>>& extra) {
  check_workers(world, workers);
  Endpoint& endpoint = world.endpoint();
  Read mine = read(world, source, options, {world.rank(), world.size()});
  std::string digest = all_digested(endpoint, mine.columns, mine.place);
  std::optional<Census> counted;
  if (!mine.whole) counted = all_counted(endpoint, mine.columns, mine.place, mine.nonzeros, extra);
  Dealt dealt = deal(endpoint, std::move(mine.columns), mine.place, partition, workers);
  const Sums sums = all_summed(endpoint, dealt);
  const auto census = one_for_all<Census>(endpoint, [&] {
    Census all = counted ? std::move(*counted) : counted_whole(*mine.whole, extra);
    all.sums = sums;
    return all;
  });
  mine.whole.reset();

  Dataset data = together(world, [&] {
    const std::vector<std::uint32_t> order = shuffled(dealt, seed);
    std::vector<std::uint32_t> positions(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) positions[i] = dealt.positions[order[i]];
    return Dataset::part(std::move(dealt.columns), order, std::move(positions), census, digest);
  });
  return {.data = std::move(data),
          .shard_begins = std::move(dealt.shard_begins),
          .first_shard = dealt.first_shard,
          .all_examples = census->examples,
          .all_nonzeros = census->nonzeros,
          .digest = std::move(digest)};
}

SharedSet load_test(World& world, int workers, const std::string& source, const LoadOptions& options, const SharedSet& train) {
  check_workers(world, workers);
  Read mine = read(world, source, options, {std::min(world.rank(), workers), workers});
  std::string digest = all_digested(world.endpoint(), mine.columns, mine.place);
  Dataset data = together(world, [&] {
    return Dataset::test_part(std::move(mine.columns), train.data, static_cast<std::size_t>(mine.place.first), digest);
  });
  const std::size_t size = data.size();
  return {.data = std::move(data),
          .shard_begins = {0, size},
          .first_shard = 0,
          .all_examples = mine.place.examples,
          .all_nonzeros = mine.nonzeros,
          .digest = std::move(digest)};
}

}  // namespace sounder::mpi
