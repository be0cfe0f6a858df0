// The exact least cost of a graph cut with two labels (Format::cut), by maximum flow: shortest augmenting paths
// (Edmonds and Karp, 1972). For graphs of some hundred vertices.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <sounder/data/columns.hpp>

namespace sounder::test {

/// The cost of giving vertex `id` the label `labels[id]`.
inline double cost_of_cut(const Columns& graph, const std::vector<std::uint32_t>& labels) {
  double cost = 0;
  for (std::size_t i = 0; i < graph.examples(); ++i) {
    const std::size_t k = graph.offsets[i];
    const bool edge = graph.offsets[i + 1] - k == 2;
    const bool paid = edge ? labels[graph.ids[k]] != labels[graph.ids[k + 1]]
                           : labels[graph.ids[k]] != static_cast<std::uint32_t>(graph.labels[i]);
    if (paid) cost += static_cast<double>(graph.values[k]);
  }
  return cost;
}

struct MinCut {
  double cost;                        ///< what flows, at most
  std::vector<std::uint32_t> labels;  ///< one cut of that cost
};

/// Of a graph with ids 0 ... vertices - 1. The source, which is label 1, and the sink, 0, are two more vertices.
inline MinCut min_cut(const Columns& graph, std::uint32_t vertices) {
  constexpr double kTiny = 1e-9;
  const std::uint32_t source = vertices, sink = vertices + 1;
  std::vector<std::map<std::uint32_t, double>> room(vertices + 2);
  for (std::size_t i = 0; i < graph.examples(); ++i) {
    const std::size_t k = graph.offsets[i];
    const std::uint32_t u = graph.ids[k];
    const auto value = static_cast<double>(graph.values[k]);
    const bool edge = graph.offsets[i + 1] - k == 2;
    const std::uint32_t from = edge                   ? u
                               : graph.labels[i] == 1 ? source
                                                      : u,
                        to = edge                   ? graph.ids[k + 1]
                             : graph.labels[i] == 1 ? u
                                                    : sink;
    room[from][to] += value;
    room[to][from] += edge ? value : 0;
  }
  for (MinCut cut{0, {}};;) {
    std::vector<std::uint32_t> before(vertices + 2, sink), queue{source};
    before[source] = source;
    for (std::size_t head = 0; head < queue.size(); ++head)
      for (const auto& [to, left] : room[queue[head]])
        if (left > kTiny && before[to] == sink && to != source) {
          before[to] = queue[head];
          queue.push_back(to);
        }
    if (before[sink] == sink) {  // not reached: those that are reached are with the source
      for (std::uint32_t v = 0; v < vertices; ++v) cut.labels.push_back(before[v] != sink ? 1 : 0);
      return cut;
    }
    double most = room[before[sink]][sink];
    for (std::uint32_t v = before[sink]; v != source; v = before[v]) most = std::min(most, room[before[v]][v]);
    for (std::uint32_t v = sink; v != source; v = before[v]) {
      room[before[v]][v] -= most;
      room[v][before[v]] += most;
    }
    cut.cost += most;
  }
}

}  // namespace sounder::test
