#include "reduce/deterministic.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <ranges>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "owners.hpp"
#include "reduce/vector_tree.hpp"
#include "reduce/walk.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kEager = std::size_t{64} << 10;  ///< bytes that a rank may send to all others before it knows what they have
constexpr int kFew = 16;                               ///< ranks that tell each other in the walk itself; more do it in bundles before
constexpr std::size_t kMostParts = 1024;               ///< of each owner
constexpr std::size_t kAhead = 4;                      ///< parts of each other owner that are sent before the own of as long ago is added up

/// What all subtrees of a rank have, as bits; a rank without subtrees does not object to either.
constexpr std::uint32_t kWithoutDecays = 1, kWithDecays = 2;

struct Offer {
  std::uint64_t bytes = 0;              ///< of all subtrees of the rank
  std::uint16_t eager = 0, decays = 0;  ///< whether they follow; whether there are sums of a
  std::uint32_t whole = kWithoutDecays | kWithDecays;  ///< all rows, and for none or for each a sum of a
};
static_assert(sizeof(Offer) == 16);

/// What the offers of all come to, on all ranks alike.
struct Agreed {
  explicit Agreed(std::span<const Payload> told) {
    for (const Payload& payload : told) {
      Offer offer;
      if (payload.size() < sizeof offer) throw Error("a rank tells nothing of its gradients: run the same program on all ranks");
      std::memcpy(&offer, payload.bytes().data(), sizeof offer);
      most = std::max(most, offer.bytes);
      all_told &= offer.eager != 0;
      decays |= offer.decays != 0;
      whole &= offer.whole;
    }
  }
  bool in_place() const { return !all_told && whole != 0; }

  std::uint64_t most = 0;
  bool all_told = true, decays = false;
  std::uint32_t whole = kWithoutDecays | kWithDecays;
};

/// Rows on their way: which they are, then their floats where these lie, sums of b * x and, if there are, of a.
void send(const Lane& lane, int to, const RowView& rows) {
  const RowView which{.count = rows.count, .first = rows.first, .numbers = rows.numbers, .sums = {}, .decays = {}};
  lane.send(to, Payload::filled(encoded_size(which), [&](std::span<std::byte> bytes) { encode(which, bytes); }));
  lane.send(to, rows.sums);
  lane.send(to, rows.decays);
}
/// The same rows of memory that `keeper` owns.
void send(const Lane& lane, int to, const RowView& rows, const std::shared_ptr<const void>& keeper) {
  const RowView which{.count = rows.count, .first = rows.first, .numbers = rows.numbers, .sums = {}, .decays = {}};
  lane.send(to, Payload::filled(encoded_size(which), [&](std::span<std::byte> bytes) { encode(which, bytes); }));
  lane.send(to, Payload(std::as_bytes(rows.sums), keeper));
  lane.send(to, Payload(std::as_bytes(rows.decays), keeper));
}

struct Arrived {
  RowView rows;
  Payload which, sums, decays;
};
Walk receive(Lane lane, int from, const RowNumbers& numbers, Arrived& to) {
  to.which = co_await lane.receive(from);
  to.sums = co_await lane.receive(from);
  to.decays = co_await lane.receive(from);
  std::span<const std::byte> bytes = to.which.bytes();
  to.rows = decode(bytes, numbers, {to.sums.as<float>(), to.decays.as<float>()});
}

}  // namespace

TreeReducer::TreeReducer(Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options)
    : endpoint_(endpoint),
      numbers_(numbers),
      chunk_bytes_(std::max<std::size_t>(64, options.chunk_bytes)),
      workers_(options.workers > 0 ? options.workers : endpoint.size()),
      owners_(owners_of(numbers_.floats(), endpoint.size())) {
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
    const bool decays = !roots.back().decays.empty();
    offer.decays |= decays;
    offer.whole &= roots.back().count < numbers_.rows() ? 0u : decays ? kWithDecays : kWithoutDecays;
  }
  offer.eager = offer.bytes <= kEager / static_cast<std::size_t>(ranks - 1);
  const Payload mine = Payload::filled(sizeof offer + (offer.eager ? offer.bytes : 0), [&](auto to) {
    std::memcpy(to.data(), &offer, sizeof offer);
    to = to.subspan(sizeof offer);
    if (offer.eager)
      for (const RowSums& root : roots) {
        encode(root.view(), to);
        to = to.subspan(encoded_size(root.view()));
      }
  });
  std::vector<Payload> told;
  if (ranks > kFew) told = all_gather(endpoint_, mine);
  RowSums sum;
  Walks walks(endpoint_);
  const Lane offers(walks), to_owner(walks), to_all(walks);
  const Walk all[] = {in_place(offers, to_owner, to_all, mine, told, roots, sum)};
  walks.run(all, "its part of the sum over the shards");
  const Agreed agreed(told);
  if (agreed.in_place()) return sum;
  return agreed.all_told ? top_of(told, sizeof(Offer)) : in_parts(roots, parts(agreed.most), agreed.decays);
}

/// So many for each owner, where a rank has `most` bytes.
std::size_t TreeReducer::parts(std::uint64_t most) const {
  const auto owners = static_cast<std::size_t>(owners_);
  return owners * std::clamp<std::size_t>(most / owners / chunk_bytes_, 1, kMostParts);
}

/// The top of the tree from the subtrees that each rank told, behind `skip` bytes.
RowSums TreeReducer::top_of(std::span<const Payload> told, std::size_t skip) const {
  NodeViews nodes;
  for (int rank = 0; rank < endpoint_.size(); ++rank) {
    std::span<const std::byte> from = told[static_cast<std::size_t>(rank)].bytes().subspan(skip);
    for (const TreeNode node : subtrees_of(rank)) nodes.add(place(node), decode(from, numbers_));
  }
  return nodes.top(numbers_);
}

/// Fills `told`. Where all subtrees have all rows they are vectors, which takes no word of which rows: the sum then comes to lie where the first of `roots` did. All in one
/// walk: nobody need be woken in between.
Walk TreeReducer::in_place(Lane offers, Lane to_owner, Lane to_all, const Payload& mine, std::vector<Payload>& told, std::vector<RowSums>& roots, RowSums& sum) const {
  const int ranks = endpoint_.size(), own = endpoint_.rank();
  if (told.empty()) {
    for (int i = 1; i < ranks; ++i) offers.send((own + i) % ranks, mine);
    for (int rank = 0; rank < ranks; ++rank) {
      if (rank == own)  // no ?:, in which GCC 12 loses what is awaited
        told.push_back(mine);
      else
        told.push_back(co_await offers.receive(rank));
    }
  }
  const Agreed agreed(told);
  if (!agreed.in_place()) co_return;
  VectorTree tree{.nodes = {}, .own = static_cast<std::size_t>(own), .owners = static_cast<std::size_t>(owners_), .parts = parts(agreed.most)};
  for (int rank = 0; rank < ranks; ++rank) {
    tree.nodes.emplace_back();
    for (const TreeNode node : subtrees_of(rank)) tree.nodes.back().push_back(place(node));
  }
  std::vector<std::span<const float>> sums, sums_of_a;
  for (const RowSums& root : roots) {
    sums.push_back(root.sums);
    sums_of_a.push_back(root.decays);
  }
  if (!roots.empty()) {
    sum = std::move(roots.front());
  } else {
    sum.count = numbers_.rows();
    sum.sums.resize(numbers_.floats());
    sum.decays.resize(agreed.decays ? numbers_.rows() : 0);
  }
  co_await sum_over(to_owner, to_all, tree, sums, sum.sums);
  if (agreed.decays) co_await sum_over(to_owner, to_all, tree, sums_of_a, sum.decays);
}

/// Adds up the parts of this rank if it is an owner, p = rank, rank + owners, ...: a tree of rows is as many trees, and none sees the others. Tells all of the sums, also this
/// rank. It is kAhead parts ahead with what it sends to their owners: all at once would not stay in the caches.
Walk TreeReducer::add_up(Lane in, Lane out, const std::vector<RowSums>& roots, const std::vector<std::uint32_t>& bounds) const {
  const int ranks = endpoint_.size(), own = endpoint_.rank();
  const auto step = static_cast<std::size_t>(owners_);
  const auto of_own = [&](std::size_t p) { return std::views::transform(roots, [&, p](const RowSums& root) { return part(root.view(), bounds[p], bounds[p + 1], numbers_); }); };
  const auto send_all = [&](std::size_t begin) {
    if (begin + 1 >= bounds.size()) return;
    for (int i = 0; i < owners_; ++i) {
      const int owner = (own + i) % owners_;
      if (owner == own) continue;
      for (const RowView& rows : of_own(begin + static_cast<std::size_t>(owner))) send(in, owner, rows);
    }
  };
  if (own >= owners_) {
    for (std::size_t begin = 0; begin + 1 < bounds.size(); begin += step) send_all(begin);
    co_return;
  }
  for (std::size_t i = 0; i < kAhead; ++i) send_all(i * step);
  for (std::size_t begin = 0; begin + 1 < bounds.size(); begin += step) {
    const std::size_t p = begin + static_cast<std::size_t>(own);
    auto roots_of_p = of_own(p);
    auto mine = roots_of_p.begin();
    NodeViews nodes;
    std::deque<Arrived> arrived;
    for (int rank = 0; rank < ranks; ++rank) {
      for (const TreeNode node : subtrees_of(rank)) {
        if (rank == own) {
          nodes.add(place(node), *mine++);
        } else {
          Arrived& theirs = arrived.emplace_back();
          co_await receive(in, rank, numbers_, theirs);
          nodes.add(place(node), theirs.rows);
        }
      }
    }
    const auto top = std::make_shared<const RowSums>(nodes.top(numbers_));
    send_all(begin + kAhead * step);
    for (int i = 1; i <= ranks; ++i) send(out, (own + i) % ranks, top->view(), top);
  }
}

/// Puts the parts together as they come.
Walk TreeReducer::collect(Lane lane, std::size_t parts, bool decays, RowSums& sum) const {
  for (std::size_t p = 0; p < parts; ++p) {
    Arrived arrived;
    co_await receive(lane, static_cast<int>(p % static_cast<std::size_t>(owners_)), numbers_, arrived);
    const RowView& rows = arrived.rows;
    for (std::size_t i = 0; i < rows.count; ++i) sum.numbers.push_back(rows.number(i));
    sum.sums.insert(sum.sums.end(), rows.sums.begin(), rows.sums.end());
    if (!decays) continue;
    if (rows.decays.empty()) sum.decays.resize(sum.decays.size() + rows.count);
    sum.decays.insert(sum.decays.end(), rows.decays.begin(), rows.decays.end());
  }
}

/// Part p of the rows is added up by rank p % owners.
RowSums TreeReducer::in_parts(const std::vector<RowSums>& roots, std::size_t parts, bool decays) {
  const std::vector<std::uint32_t> bounds = cuts(parts);
  RowSums sum;
  sum.numbers.reserve(numbers_.rows());
  sum.sums.reserve(numbers_.floats());
  if (decays) sum.decays.reserve(numbers_.rows());
  Walks walks(endpoint_);
  const Lane to_owner(walks), to_all(walks);
  std::vector<Walk> both;
  both.push_back(add_up(to_owner, to_all, roots, bounds));
  both.push_back(collect(to_all, parts, decays, sum));
  walks.run(both, "its part of the sum over the shards");
  settle(sum);
  return sum;
}

}  // namespace sounder::mpi
