// Sums over the shards where every subtree has all rows: in place, and the same bits as row by row.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "mpi/reduce/rows.hpp"
#include "reduce/deterministic.hpp"
#include "reduce/vector_tree.hpp"
#include "skip.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

enum class Decays { none, all, some };

/// As two ranks would that take turns by arrival.
class Permuted final : public TreeReducer {
 public:
  using TreeReducer::TreeReducer;

 protected:
  TreeNode place(TreeNode node) const override { return node.level == 4 ? TreeNode{4, (node.index + 1) % 4} : node; }
};

bool same_bits(std::span<const float> a, std::span<const float> b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0; }

struct Summed {
  RowSums sum;
  std::uint64_t messages = 0;
};

/// What each rank has then, and how many messages it has sent. Decays of some: of the shards of rank 0. The last `idle` ranks have no shards.
template <class Tree = TreeReducer>
std::vector<Summed> summed(int ranks, const RowNumbers& numbers, Decays decays, std::size_t chunk_bytes, int idle = 0) {
  const int workers = ranks - idle;
  std::vector<Summed> all(static_cast<std::size_t>(ranks));
  World::run_inproc(ranks, [&](World& world) {
    Endpoint& endpoint = world.endpoint();
    ShardTree shards(numbers);
    const bool works = world.rank() < workers;
    for (int shard = works ? first_shard_of(world.rank(), workers) : 0; works && shard < first_shard_of(world.rank() + 1, workers); ++shard) {
      RowSums rows = random_rows(numbers, static_cast<std::uint64_t>(shard), 1, true);
      if (decays == Decays::none || (decays == Decays::some && world.rank() > 0)) rows.decays.clear();
      shards.add({0, shard}, std::move(rows));
    }
    const auto messages = [&] {
      barrier(endpoint);
      std::uint64_t sent = 0;
      for (const Link& link : endpoint.links()) sent += link.messages_sent;
      return sent;
    };
    const std::uint64_t before = messages();
    RowSums sum = Tree(endpoint, numbers, {.chunk_bytes = chunk_bytes, .workers = workers, .load = {}}).sum(shards);
    all[static_cast<std::size_t>(world.rank())] = {std::move(sum), messages() - before};
  });
  return all;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("vectors are added up as the tree adds up rows, whatever their length, in the place of any of them") {
    for (const std::uint32_t floats : {1U, 1024U, 2500U})
      for (const int ranks : {1, 2, 3, 5, 64}) {
        const RowNumbers numbers(Layout{{.rows = floats, .width = 1}});
        ShardTree whole(numbers);
        std::vector<std::pair<TreeNode, RowSums>> vectors;
        for (int rank = 0; rank < ranks; ++rank)
          for (const TreeNode node : subtrees(first_shard_of(rank, ranks), first_shard_of(rank + 1, ranks))) {
            vectors.emplace_back(node, random_rows(numbers, vectors.size(), 1, false));
            whole.add(node, vectors.back().second);
          }
        const RowSums top = whole.top();
        for (std::size_t place = 0; place < vectors.size(); ++place) {
          auto mine = vectors;
          std::vector<TreeFloats> nodes;
          for (const auto& [node, rows] : mine) nodes.push_back({node, rows.sums.data()});
          add_up(nodes, mine[place].second.sums);
          CHECK(same_bits(mine[place].second.sums, top.sums));
        }
      }
  }

  TEST_CASE("rows that all subtrees have are summed in place, to the bits that rows have, for any number of ranks, in fewer messages") {
    const RowNumbers numbers(Layout{{.rows = 20'000, .width = 1}, {.rows = 333, .width = 32}});
    const auto alone = summed(1, numbers, Decays::all, 4096)[0].sum;
    for (const int ranks : {2, 3, 4, 5})
      for (const std::size_t chunk : {std::size_t{4096}, kChunkBytes}) {
        if (kThreadSanitizer && ranks != 3) continue;
        CAPTURE(ranks);
        const auto plain = summed(ranks, numbers, Decays::none, chunk), whole = summed(ranks, numbers, Decays::all, chunk), by_rows = summed(ranks, numbers, Decays::some, chunk);
        for (const auto* each : {&plain, &whole, &by_rows})
          for (const Summed& on_rank : *each) {
            CHECK(on_rank.sum.count == numbers.rows());
            CHECK(on_rank.sum.numbers.empty());
            CHECK(same_bits(on_rank.sum.sums, alone.sums));
          }
        for (const Summed& on_rank : plain) CHECK(on_rank.sum.decays.empty());
        for (const Summed& on_rank : whole) CHECK(same_bits(on_rank.sum.decays, alone.decays));
        CHECK(plain[0].messages < by_rows[0].messages);
      }
  }

  TEST_CASE("whole vectors are summed in place on many ranks, of which fewer add up, and on ranks that have no shards") {
    const RowNumbers numbers(Layout{{.rows = 20'000, .width = 1}});
    const auto alone = summed(1, numbers, Decays::none, 4096)[0].sum;
    for (const auto& [ranks, idle] : {std::pair{18, 0}, std::pair{3, 1}, std::pair{18, 15}}) {
      CAPTURE(ranks);
      CAPTURE(idle);
      for (const Summed& on_rank : summed(ranks, numbers, Decays::none, 4096, idle)) {
        CHECK(on_rank.sum.numbers.empty());
        CHECK(same_bits(on_rank.sum.sums, alone.sums));
      }
    }
  }

  TEST_CASE("a tree of whole vectors whose subtrees were put elsewhere is seen in the bits") {
    const RowNumbers numbers(Layout{{.rows = 20'000, .width = 1}});
    const auto alone = summed(1, numbers, Decays::none, 4096)[0].sum;
    CHECK(same_bits(summed(4, numbers, Decays::none, 4096)[3].sum.sums, alone.sums));
    const auto replicas = summed<Permuted>(4, numbers, Decays::none, 4096);
    CHECK(same_bits(replicas[0].sum.sums, replicas[3].sum.sums));
    CHECK(!same_bits(replicas[0].sum.sums, alone.sums));
  }
}
