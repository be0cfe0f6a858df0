#include "reduce/deterministic.hpp"

#include <algorithm>
#include <cstring>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kEager = std::size_t{64} << 10;  ///< bytes that a rank may send to all others before it knows what they have
constexpr std::size_t kMostParts = 1024;               ///< of each rank

struct Offer {
  std::uint64_t bytes = 0;  ///< of all subtrees of the rank
  std::uint64_t eager = 0;  ///< whether they follow
};

}  // namespace

TreeReducer::TreeReducer(Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options)
    : endpoint_(endpoint),
      numbers_(numbers),
      chunk_bytes_(std::max<std::size_t>(64, options.chunk_bytes)),
      workers_(options.workers > 0 ? options.workers : endpoint.size()) {
  load_before_.reserve(std::size_t{numbers_.rows()} + 1);
  double before = 0;
  for (std::size_t table = 0; table < numbers_.tables(); ++table)
    for (std::uint32_t row = numbers_.begin(table); row < numbers_.end(table); ++row) {
      load_before_.push_back(before);
      before += options.load.empty() ? static_cast<double>(numbers_.width(table)) : static_cast<double>(options.load[row]);
    }
  load_before_.push_back(before);
}

std::vector<TreeNode> TreeReducer::subtrees_of(int rank) const {
  if (rank >= workers_) return {};
  return subtrees(first_shard_of(rank, workers_), first_shard_of(rank + 1, workers_));
}

/// Where parts of about the same load begin, and the end. The same on all ranks.
std::vector<std::uint32_t> TreeReducer::cuts(std::size_t parts) const {
  std::vector<std::uint32_t> cuts;
  for (std::size_t i = 0; i < parts; ++i) {
    const double load = load_before_.back() * static_cast<double>(i) / static_cast<double>(parts);
    cuts.push_back(static_cast<std::uint32_t>(std::ranges::lower_bound(load_before_, load) - load_before_.begin()));
  }
  cuts.push_back(numbers_.rows());
  return cuts;
}

RowSums TreeReducer::sum(ShardTree& shards) {
  const int ranks = endpoint_.size(), own = endpoint_.rank();
  if (ranks == 1) return shards.top();
  std::vector<RowSums> roots;
  Offer offer;
  for (const TreeNode node : subtrees_of(own)) {
    roots.push_back(shards.take(node));
    offer.bytes += encoded_size(roots.back().view());
  }
  offer.eager = offer.bytes <= kEager / static_cast<std::size_t>(ranks - 1);
  const std::vector<Payload> told = all_gather(endpoint_, Payload::filled(sizeof offer + (offer.eager ? offer.bytes : 0), [&](auto to) {
                                                 std::memcpy(to.data(), &offer, sizeof offer);
                                                 to = to.subspan(sizeof offer);
                                                 if (offer.eager)
                                                   for (const RowSums& root : roots) {
                                                     encode(root.view(), to);
                                                     to = to.subspan(encoded_size(root.view()));
                                                   }
                                               }));
  std::uint64_t most = 0;
  bool all_told = true;
  for (const Payload& payload : told) {
    Offer other;
    if (payload.size() < sizeof other) throw Error("a rank tells nothing of its gradients: run the same program on all ranks");
    std::memcpy(&other, payload.bytes().data(), sizeof other);
    most = std::max(most, other.bytes);
    all_told &= other.eager != 0;
  }
  if (all_told) return top_of(told, sizeof(Offer));
  const std::size_t each = std::clamp<std::size_t>(most / static_cast<std::size_t>(ranks) / chunk_bytes_, 1, kMostParts);
  return in_parts(roots, each * static_cast<std::size_t>(ranks));
}

/// The top of the tree from the subtrees that each rank told, behind `skip` bytes.
RowSums TreeReducer::top_of(std::span<const Payload> told, std::size_t skip) const {
  ShardTree tree(numbers_);
  for (int rank = 0; rank < endpoint_.size(); ++rank) {
    std::span<const std::byte> from = told[static_cast<std::size_t>(rank)].bytes().subspan(skip);
    for (const TreeNode node : subtrees_of(rank)) {
      const RowView rows = decode(from, numbers_);
      tree.add(place(node), RowSums{rows.count,
                                    rows.first,
                                    {rows.numbers.begin(), rows.numbers.end()},
                                    {rows.sums.begin(), rows.sums.end()},
                                    {rows.decays.begin(), rows.decays.end()}});
    }
  }
  return tree.top();
}

/// Part p of the rows is added up by rank p % P: a tree of rows is as many trees, and none sees the others.
RowSums TreeReducer::in_parts(const std::vector<RowSums>& roots, std::size_t parts) {
  const auto ranks = static_cast<std::size_t>(endpoint_.size()), own = static_cast<std::size_t>(endpoint_.rank());
  const std::vector<std::uint32_t> bounds = cuts(parts);
  const std::uint64_t to_owner = endpoint_.next_tag(), to_all = endpoint_.next_tag();
  const auto mail = [&](std::size_t to, std::uint64_t tag, Payload payload) {
    endpoint_.send(static_cast<int>(to), {.kind = Kind::mail, .channel = Channel::collective, .tag = tag}, std::move(payload));
  };
  const auto take = [&](std::size_t from, std::uint64_t tag) {
    return endpoint_.receive(static_cast<int>(from), Kind::mail, tag, {.what = "its part of the sum over the shards", .clock = 0, .on = {}}).payload;
  };
  const auto mine = [&](std::size_t p) {
    std::vector<RowView> views;
    std::size_t size = 0;
    for (const RowSums& root : roots) {
      views.push_back(part(root.view(), bounds[p], bounds[p + 1], numbers_));
      size += encoded_size(views.back());
    }
    return Payload::filled(size, [&](std::span<std::byte> to) {
      for (const RowView& view : views) {
        encode(view, to);
        to = to.subspan(encoded_size(view));
      }
    });
  };

  for (std::size_t p = 0; p < parts; ++p)
    if (p % ranks != own) mail(p % ranks, to_owner, mine(p));
  std::vector<RowSums> tops(parts);
  for (std::size_t p = own; p < parts; p += ranks) {
    std::vector<Payload> told(ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank) told[rank] = rank == own ? mine(p) : take(rank, to_owner);
    tops[p] = top_of(told, 0);
    const Payload sum = Payload::filled(encoded_size(tops[p].view()), [&](std::span<std::byte> to) { encode(tops[p].view(), to); });
    for (std::size_t i = 1; i < ranks; ++i) mail((own + i) % ranks, to_all, sum);
  }
  std::vector<Payload> payloads(parts);
  std::vector<RowView> views(parts);
  bool decays = false;
  for (std::size_t p = 0; p < parts; ++p) {
    views[p] = tops[p].view();
    if (p % ranks != own) {
      payloads[p] = take(p % ranks, to_all);
      std::span<const std::byte> from = payloads[p].bytes();
      views[p] = decode(from, numbers_);
    }
    decays |= !views[p].decays.empty();
  }
  RowSums sum;
  for (const RowView& rows : views) {
    for (std::size_t i = 0; i < rows.count; ++i) sum.numbers.push_back(rows.number(i));
    sum.sums.insert(sum.sums.end(), rows.sums.begin(), rows.sums.end());
    if (!decays) continue;
    if (rows.decays.empty()) sum.decays.resize(sum.decays.size() + rows.count);
    sum.decays.insert(sum.decays.end(), rows.decays.begin(), rows.decays.end());
  }
  settle(sum);
  return sum;
}

}  // namespace sounder::mpi
