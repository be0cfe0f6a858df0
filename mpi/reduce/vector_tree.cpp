#include "reduce/vector_tree.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

constexpr std::size_t kAhead = 2;     ///< parts of each other owner that are sent before the own of as long ago is added up
constexpr std::size_t kBlock = 1024;  ///< floats: sums of a block on their way up stay in the first cache

template <class T>
std::span<T> part(std::span<T> vector, std::size_t p, std::size_t parts) {
  const std::size_t begin = vector.size() * p / parts;
  return vector.subspan(begin, vector.size() * (p + 1) / parts - begin);
}

void add(const float* left, const float* right, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = left[i] + right[i];
}

}  // namespace

void add_up(std::span<const TreeFloats> nodes, std::span<float> to) {
  std::array<std::array<float, kBlock>, kTop + 1> sums;
  for (std::size_t begin = 0; begin < to.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, to.size() - begin);
    std::array<const float*, kTop + 1> left{};  // what waits for its right half, from the top down
    std::size_t waiting = 0;
    for (const auto& [leaf, floats] : nodes) {
      const float* at = floats + begin;
      for (TreeNode node = leaf; node.index % 2 == 1; node = {node.level + 1, node.index / 2}) {
        --waiting;
        float* const sum = node.level + 1 == kTop ? to.data() + begin : sums[waiting].data();
        add(left[waiting], at, sum, count);
        at = sum;
      }
      left[waiting++] = at;
    }
    if (left[0] != to.data() + begin) std::copy_n(left[0], count, to.data() + begin);
  }
}

Walk sum_over(Lane to_owner, Lane to_all, const VectorTree& tree, std::span<const std::span<const float>> own, std::span<float> sum) {
  const std::size_t ranks = tree.nodes.size();
  const auto send_all = [&](std::size_t begin) {
    if (begin >= tree.parts) return;
    for (std::size_t i = 0; i < tree.owners; ++i) {
      const std::size_t owner = (tree.own + i) % tree.owners;
      if (owner == tree.own) continue;
      for (const std::span<const float> vector : own) to_owner.send(static_cast<int>(owner), part(vector, begin + owner, tree.parts));
    }
  };
  for (std::size_t i = 0; i < kAhead; ++i) send_all(i * tree.owners);
  for (std::size_t begin = 0; begin < tree.parts + tree.owners; begin += tree.owners) {
    if (begin < tree.parts && tree.own < tree.owners) {  // what this rank adds up, where it lies
      const std::span<float> to = part(sum, begin + tree.own, tree.parts);
      std::vector<TreeFloats> nodes;
      std::deque<Payload> arrived;
      for (std::size_t rank = 0; rank < ranks; ++rank)
        for (std::size_t i = 0; i < tree.nodes[rank].size(); ++i) {
          if (rank != tree.own) arrived.push_back(co_await to_owner.receive(static_cast<int>(rank)));
          nodes.push_back({tree.nodes[rank][i], rank == tree.own ? part(own[i], begin + tree.own, tree.parts).data() : floats_of(arrived.back(), to.size())});
        }
      std::ranges::sort(nodes, {}, [](const TreeFloats& each) { return each.node.index << each.node.level; });
      add_up(nodes, to);
      const Payload done = to_all.lend(to);
      for (std::size_t i = 1; i < ranks; ++i) to_all.send(static_cast<int>((tree.own + i) % ranks), done);
    }
    send_all(begin + kAhead * tree.owners);
    if (begin == 0) continue;
    for (std::size_t owner = 0; owner < tree.owners; ++owner) {  // what others do, a turn behind: what this rank gave for it has been read
      if (owner == tree.own) continue;
      const Payload done = co_await to_all.receive(static_cast<int>(owner));
      copy_to(part(sum, begin - tree.owners + owner, tree.parts), done);
    }
  }
}

}  // namespace sounder::mpi
