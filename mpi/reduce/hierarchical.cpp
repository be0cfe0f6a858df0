// Reducer `hierarchical`: the ranks of a machine give their vectors to the first of them, which adds them up; the sums go around a ring of
// these; what comes out is handed to the ranks of each machine. Between machines a vector travels once for each, not for each rank.
// Source: "Dive into Deep Learning", section 12.7: its seven steps on several machines of several GPUs each are, for ranks: (1) all have
//   gradients; (2, 3) these come together at one rank of the machine; (4, 5) the sums of machines are added up and come back; (6, 7) all
//   ranks of the machine get them.
#include <algorithm>
#include <vector>

#include "reduce/circle.hpp"
#include "reduce/walked.hpp"

namespace sounder::mpi {
namespace {

/// The ranks of a machine; the first is its leader.
using Node = std::vector<int>;

std::vector<Node> nodes_of(const Endpoint& endpoint, int ranks_per_node) {
  std::vector<Node> nodes;
  for (int rank = 0; rank < endpoint.size(); ++rank) {
    const auto near = [&](const Node& node) {
      return ranks_per_node > 0 ? node.front() / ranks_per_node == rank / ranks_per_node
                                : endpoint.hosts()[static_cast<std::size_t>(node.front())] == endpoint.hosts()[static_cast<std::size_t>(rank)];
    };
    const auto home = std::ranges::find_if(nodes, near);
    (home != nodes.end() ? *home : nodes.emplace_back()).push_back(rank);
  }
  return nodes;
}

struct Lanes {
  Lane up, around, down;
};

Walk lead(Lanes lanes, std::span<float> vector, Node node, std::vector<int> leaders, std::size_t own, std::size_t chunk_floats) {
  const auto chunks = chunks_of(vector, 0, 1, chunk_floats);
  for (const std::span<float> chunk : chunks)
    for (std::size_t i = 1; i < node.size(); ++i) {
      const Payload part = co_await lanes.up.receive(node[i]);
      add_to(chunk, part);
    }
  co_await circle(lanes.around, vector, leaders, own, chunk_floats);
  for (const std::span<float> chunk : chunks)
    for (std::size_t i = 1; i < node.size(); ++i) lanes.down.send(node[i], chunk);
}

Walk follow(Lanes lanes, std::span<float> vector, int leader, std::size_t chunk_floats) {
  const auto chunks = chunks_of(vector, 0, 1, chunk_floats);
  for (const std::span<float> chunk : chunks) lanes.up.send(leader, chunk);
  for (const std::span<float> chunk : chunks) {
    const Payload sum = co_await lanes.down.receive(leader);
    copy_to(chunk, sum);
  }
}

class Hierarchical final : public WalkedReducer {
 public:
  Hierarchical(Endpoint& endpoint, const ReducerOptions& options)
      : WalkedReducer(endpoint, "a sum over machines"), chunk_(floats_of_chunk(options.chunk_bytes)) {
    for (const Node& node : nodes_of(endpoint, options.ranks_per_node)) {
      if (std::ranges::find(node, endpoint.rank()) != node.end()) node_ = node, own_ = leaders_.size();
      leaders_.push_back(node.front());
    }
  }

  std::vector<Walk> walks_of(Walks& walks, std::span<float> vector) const override {
    // In parts that know nothing of each other, so that one can be between machines while another is inside of them.
    std::vector<Walk> all;
    for (std::size_t i = 0; i < kParts; ++i) {
      const std::size_t begin = vector.size() * i / kParts;
      const std::span<float> part = vector.subspan(begin, vector.size() * (i + 1) / kParts - begin);
      const Lanes lanes{Lane(walks), Lane(walks), Lane(walks)};
      all.push_back(endpoint_.rank() == node_.front() ? lead(lanes, part, node_, leaders_, own_, chunk_) : follow(lanes, part, node_.front(), chunk_));
    }
    return all;
  }

 private:
  static constexpr std::size_t kParts = 4;

  std::size_t chunk_;  ///< in floats
  Node node_;          ///< of this rank
  std::vector<int> leaders_;
  std::size_t own_ = 0;  ///< number of the node
};

}  // namespace

std::unique_ptr<Reducer> make_hierarchical(Endpoint& endpoint, const ReducerOptions& options) {
  return std::make_unique<Hierarchical>(endpoint, options);
}

}  // namespace sounder::mpi
