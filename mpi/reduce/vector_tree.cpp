#include "reduce/vector_tree.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

constexpr std::size_t kAhead = 4;     ///< parts of each other owner that are sent before the own of as long ago is added up
constexpr std::size_t kBlock = 1024;  ///< floats: sums of a block on their way up stay in the first cache

template <class T>
std::span<T> part(std::span<T> vector, std::size_t p, std::size_t parts) {
  const std::size_t begin = vector.size() * p / parts;
  return vector.subspan(begin, vector.size() * (p + 1) / parts - begin);
}

void add(const float* left, const float* right, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = left[i] + right[i];
}

/// Adds up the parts of this rank, if it is an owner, where they lie in `sum`, and sends them to all others.
Walk add_up_own(Lane in, Lane out, const VectorTree& tree, std::vector<std::span<const float>> own, std::span<float> sum) {
  const std::size_t ranks = tree.nodes.size();
  const auto send_all = [&](std::size_t begin) {
    if (begin >= tree.parts) return;
    for (std::size_t i = 0; i < tree.owners; ++i) {
      const std::size_t owner = (tree.own + i) % tree.owners;
      if (owner == tree.own) continue;
      for (const std::span<const float> vector : own) in.send(static_cast<int>(owner), part(vector, begin + owner, tree.parts));
    }
  };
  if (tree.own >= tree.owners) {
    for (std::size_t begin = 0; begin < tree.parts; begin += tree.owners) send_all(begin);
    co_return;
  }
  for (std::size_t i = 0; i < kAhead; ++i) send_all(i * tree.owners);
  for (std::size_t begin = 0; begin < tree.parts; begin += tree.owners) {
    const std::size_t p = begin + tree.own;
    const std::span<float> to = part(sum, p, tree.parts);
    std::vector<TreeFloats> nodes;
    std::deque<Payload> arrived;
    for (std::size_t rank = 0; rank < ranks; ++rank)
      for (std::size_t i = 0; i < tree.nodes[rank].size(); ++i) {
        if (rank != tree.own) arrived.push_back(co_await in.receive(static_cast<int>(rank)));
        nodes.push_back({tree.nodes[rank][i], rank == tree.own ? part(own[i], p, tree.parts).data() : floats_of(arrived.back(), to.size())});
      }
    std::ranges::sort(nodes, {}, [](const TreeFloats& each) { return each.node.index << each.node.level; });
    add_up(nodes, to);
    send_all(begin + kAhead * tree.owners);
    const Payload done = out.lend(to);
    for (std::size_t i = 1; i < ranks; ++i) out.send(static_cast<int>((tree.own + i) % ranks), done);
  }
}

/// Puts the other parts into their places as they come: what this rank gave for one has been read by then.
Walk collect(Lane lane, const VectorTree& tree, std::span<float> sum) {
  for (std::size_t p = 0; p < tree.parts; ++p)
    if (const std::size_t owner = p % tree.owners; owner != tree.own) copy_to(part(sum, p, tree.parts), co_await lane.receive(static_cast<int>(owner)));
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

std::vector<Walk> walks_of(Walks& walks, const VectorTree& tree, std::vector<std::span<const float>> own, std::span<float> sum) {
  const Lane to_owner(walks), to_all(walks);
  std::vector<Walk> both;
  both.push_back(add_up_own(to_owner, to_all, tree, std::move(own), sum));
  both.push_back(collect(to_all, tree, sum));
  return both;
}

}  // namespace sounder::mpi
