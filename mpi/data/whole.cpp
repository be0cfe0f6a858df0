#include "data/whole.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "collectives.hpp"

#include <xxhash.h>

namespace sounder::mpi {
namespace {

/// The facts of fixed size.
struct PlainFacts {
  std::uint64_t bytes, first_line, lines, examples, nonzeros, fault_line;
  std::uint64_t first_labels[3];
  std::uint32_t all_ones;
  float bad_value;
};

struct IdCount {
  std::uint32_t id, count;
};

bool by_id(const IdCount& a, const IdCount& b) { return a.id < b.id; }

/// Sorted by id, the counts of equal ids added up.
std::vector<IdCount> merged(const std::vector<Payload>& parts) {
  std::vector<IdCount> all;
  for (const Payload& part : parts) all.insert(all.end(), part.as<IdCount>().begin(), part.as<IdCount>().end());
  std::sort(all.begin(), all.end(), by_id);
  std::size_t kept = 0;
  for (const IdCount& next : all) {
    if (kept > 0 && all[kept - 1].id == next.id)
      all[kept - 1].count += next.count;
    else
      all[kept++] = next;
  }
  all.resize(kept);
  return all;
}

/// Of all ranks. Rank r sums up the ids whose hash is r modulo the number of ranks.
IdCounts summed(Endpoint& endpoint, const IdCounts& mine) {
  std::vector<std::vector<IdCount>> to(static_cast<std::size_t>(endpoint.size()));
  for (std::size_t k = 0; k < mine.ids.size(); ++k)
    to[XXH64(&mine.ids[k], sizeof mine.ids[k], 0) % to.size()].push_back({mine.ids[k], mine.counts[k]});
  std::vector<Payload> payloads;
  for (auto& counts : to) payloads.push_back(Payload::of(std::move(counts)));
  std::vector<IdCount> own = merged(all_to_all(endpoint, std::move(payloads)));
  IdCounts result;
  for (const IdCount& next : merged(all_gather(endpoint, Payload::of(std::move(own))))) {
    result.ids.push_back(next.id);
    result.counts.push_back(next.count);
  }
  return result;
}

std::uint64_t hash_of(const Columns& part, std::size_t i, std::uint64_t number) {
  const std::uint64_t begin = part.offsets.empty() ? std::uint64_t{i} * part.width : part.offsets[i];
  const std::uint64_t size = part.offsets.empty() ? part.width : part.offsets[i + 1] - begin;
  std::uint64_t hash = XXH64(&part.labels[i], sizeof part.labels[i], number);
  if (size == 0) return hash;  // a part of such examples alone does not know whether the set has ids and values
  if (!part.ids.empty()) hash = XXH64(part.ids.data() + begin, size * sizeof part.ids[0], hash);
  if (!part.values.empty()) hash = XXH64(part.values.data() + begin, size * sizeof part.values[0], hash);
  return hash;
}

}  // namespace

std::vector<PartFacts> all_facts(Endpoint& endpoint, const PartFacts& mine) {
  const PlainFacts plain{.bytes = mine.bytes,
                         .first_line = mine.first_line,
                         .lines = mine.lines,
                         .examples = mine.examples,
                         .nonzeros = mine.nonzeros,
                         .fault_line = mine.fault_line,
                         .first_labels = {mine.first_labels[0], mine.first_labels[1], mine.first_labels[2]},
                         .all_ones = mine.all_ones,
                         .bad_value = mine.bad_value};
  const auto plains = all_gather(endpoint, Payload::of(std::vector{plain}));
  const auto faults = all_gather(endpoint, Payload::of(std::vector<char>(mine.fault.begin(), mine.fault.end())));
  const auto classes = all_gather(endpoint, Payload::of(mine.classes));
  std::vector<PartFacts> all;
  for (std::size_t rank = 0; rank < plains.size(); ++rank) {
    const PlainFacts& p = plains[rank].as<PlainFacts>()[0];
    const auto fault = faults[rank].as<char>();
    const auto labels = classes[rank].as<float>();
    all.push_back({.bytes = p.bytes,
                   .first_line = p.first_line,
                   .lines = p.lines,
                   .examples = p.examples,
                   .nonzeros = p.nonzeros,
                   .fault_line = p.fault_line,
                   .fault = std::string(fault.begin(), fault.end()),
                   .first_labels = {p.first_labels[0], p.first_labels[1], p.first_labels[2]},
                   .all_ones = p.all_ones != 0,
                   .bad_value = p.bad_value,
                   .classes = std::vector<float>(labels.begin(), labels.end())});
  }
  return all;
}

Census all_counted(Endpoint& endpoint, const Columns& part, const Place& place, std::uint64_t nonzeros,
                   const std::vector<std::vector<std::uint32_t>>& extra) {
  std::vector<IdCounts> by_space;
  for (std::uint32_t space = 0; space < part.spaces; ++space) by_space.push_back(summed(endpoint, count_ids(part, space)));
  return census_of(place.examples, nonzeros, by_space, part, extra);
}

Census counted_whole(const Columns& whole, const std::vector<std::vector<std::uint32_t>>& extra) {
  std::vector<IdCounts> by_space;
  for (std::uint32_t space = 0; space < whole.spaces; ++space) by_space.push_back(count_ids(whole, space));
  return census_of(whole.examples(), whole.nonzeros(), by_space, whole, extra);
}

Sums all_summed(Endpoint& endpoint, const Dealt& dealt) {
  std::vector<Sums> mine;
  for (std::size_t s = 0; s + 1 < dealt.shard_begins.size(); ++s)
    mine.push_back(sums_of(dealt.columns, dealt.shard_begins[s], dealt.shard_begins[s + 1]));
  Sums all;
  for (const Payload& of_rank : all_gather(endpoint, Payload::of(std::move(mine))))  // ranks own ascending shards
    for (const Sums& shard : of_rank.as<Sums>()) all.add(shard);
  return all;
}

std::string all_digested(Endpoint& endpoint, const Columns& part, const Place& place) {
  std::uint64_t mine = 0;
  for (std::size_t i = 0; i < part.examples(); ++i) mine += hash_of(part, i, place.first + i);
  const std::uint64_t sum = all_sum(endpoint, std::span<const std::uint64_t>(&mine, 1))[0];
  std::vector<std::uint64_t> kind{part.spaces, part.offsets.empty() ? part.width : 0, place.examples, sum};
  if (!part.classes.empty()) kind.push_back(XXH64(part.classes.data(), part.classes.size() * sizeof part.classes[0], 0));
  return fmt::format("{:016x}", XXH64(kind.data(), kind.size() * sizeof kind[0], 0));
}

}  // namespace sounder::mpi
