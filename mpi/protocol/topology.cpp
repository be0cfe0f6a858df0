#include "protocol/topology.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

using Edges = std::vector<std::array<int, 2>>;
constexpr int kMostRanks = 4096;

int log2_ceil(int ranks) { return static_cast<int>(std::bit_width(static_cast<unsigned>(ranks - 1))); }

Edges ring(int ranks) {
  Edges edges;
  for (int i = 0; ranks > 1 && i < ranks; ++i) edges.push_back({i, (i + 1) % ranks});
  return edges;
}

Edges torus(int ranks) {
  int height = 1;
  for (int h = 2; h * h <= ranks; ++h)
    if (ranks % h == 0) height = h;
  if (height == 1 && ranks > 3)
    throw Error(fmt::format("--topology torus cannot be made of {} ranks, a prime number: take another number, or ring", ranks));
  const int width = ranks / height;
  Edges edges;
  for (int i = 0; i < ranks; ++i) {
    const int row = i / width, column = i % width;
    edges.push_back({i, row * width + (column + 1) % width});
    edges.push_back({i, (row + 1) % height * width + column});
  }
  std::erase_if(edges, [](const auto& edge) { return edge[0] == edge[1]; });  // of a side of length 1
  return edges;
}

Edges hypercube(int ranks) {
  if (!std::has_single_bit(static_cast<unsigned>(ranks)))
    throw Error(fmt::format("--topology hypercube needs a power of two, not {} ranks: take 2, 4, 8, ..., or exponential", ranks));
  Edges edges;
  for (int i = 0; i < ranks; ++i)
    for (int bit = 1; bit < ranks; bit *= 2)
      if (!(i & bit)) edges.push_back({i, i | bit});
  return edges;
}

Edges star(int ranks) {
  Edges edges;
  for (int i = 1; i < ranks; ++i) edges.push_back({0, i});
  return edges;
}

Edges complete(int ranks) {
  Edges edges;
  for (int i = 0; i < ranks; ++i)
    for (int j = i + 1; j < ranks; ++j) edges.push_back({i, j});
  return edges;
}

/// Joins free ends in random order, none twice (Steger and Wormald, 1999); empty if ends are left that fit nowhere.
std::optional<Edges> try_regular(int ranks, int degree, Random& random) {
  std::vector<int> ends;
  for (int i = 0; i < ranks; ++i) ends.insert(ends.end(), static_cast<std::size_t>(degree), i);
  std::set<std::array<int, 2>> edges;
  std::size_t misses = 0;
  while (!ends.empty()) {
    const auto take = [&](std::size_t among) { return static_cast<std::size_t>(random.below(among)); };
    std::swap(ends[take(ends.size())], ends.back());
    std::swap(ends[take(ends.size() - 1)], ends[ends.size() - 2]);
    const int u = std::min(ends.back(), ends[ends.size() - 2]), v = std::max(ends.back(), ends[ends.size() - 2]);
    if (u != v && edges.insert({u, v}).second) {
      ends.resize(ends.size() - 2);
      misses = 0;
    } else if (++misses > 100 + ends.size() * ends.size()) {
      return std::nullopt;
    }
  }
  return Edges(edges.begin(), edges.end());
}

/// A random graph of one degree. Of a dense one, the edges that it lacks are drawn.
Edges regular(int ranks, int degree, Random& random) {
  const bool dense = 2 * degree > ranks - 1;
  for (;;) {
    const auto drawn = try_regular(ranks, dense ? ranks - 1 - degree : degree, random);
    if (!drawn) continue;
    if (!dense) return *drawn;
    const std::set<std::array<int, 2>> lacks(drawn->begin(), drawn->end());
    Edges edges = complete(ranks);
    std::erase_if(edges, [&](const auto& edge) { return lacks.contains(edge); });
    return edges;
  }
}

/// The first of some draws that is connected; the last, if none is.
Topology random_regular(const std::string& text, std::string_view argument, int ranks, std::uint64_t seed, bool allow_disconnected) {
  int degree = 0;
  const auto [end, fault] = std::from_chars(argument.data(), argument.data() + argument.size(), degree);
  if (fault != std::errc{} || end != argument.data() + argument.size() || degree < 1)
    throw Error(fmt::format("--topology {} needs the number of neighbours of a rank: give random:D, D = 1 or more", text));
  if (ranks == 1) return Topology::of_edges(text, 1, {});
  if (degree >= ranks) throw Error(fmt::format("--topology {}: {} ranks have at most {} neighbours: give less", text, ranks, ranks - 1));
  if (static_cast<std::int64_t>(ranks) * degree % 2)
    throw Error(fmt::format("--topology {}: {} ranks times {} neighbours is odd, and every edge has two ends: change one", text, ranks, degree));
  Random random(seed, 0x746f706f);
  for (int draws = 1;; ++draws) {
    const Edges edges = regular(ranks, degree, random);
    if (draws < 64 && Topology::of_edges(text, ranks, edges, true).parts() > 1) continue;
    return Topology::of_edges(text, ranks, edges, allow_disconnected);
  }
}

Edges read_edges(const std::string& file, int ranks) {
  std::ifstream in(file);
  if (!in)
    throw Error(fmt::format("--topology {} is neither a file that can be read nor one of {}", file, names_of(kTopologies)));
  Edges edges;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::string_view rest = line;
    rest = rest.substr(0, rest.find('#'));
    std::vector<std::string_view> words;
    for (std::size_t at = 0; (at = rest.find_first_not_of(" \t\r", at)) != rest.npos;) {
      const std::size_t end = std::min(rest.find_first_of(" \t\r", at), rest.size());
      words.push_back(rest.substr(at, end - at));
      at = end;
    }
    if (words.empty()) continue;
    std::array<int, 2> edge{};
    bool good = words.size() == 2;
    for (std::size_t k = 0; good && k < 2; ++k) {
      const auto [end, fault] = std::from_chars(words[k].data(), words[k].data() + words[k].size(), edge[k]);
      good = fault == std::errc{} && end == words[k].data() + words[k].size();
    }
    if (!good) throw Error(fmt::format("{}:{}: \"{}\" is no edge: write two ranks, as in \"0 1\"", file, number, rest));
    for (const int rank : edge)
      if (rank < 0 || rank >= ranks)
        throw Error(fmt::format("{}:{}: there is no rank {} among {}: write 0 to {}", file, number, rank, ranks, ranks - 1));
    if (edge[0] == edge[1]) throw Error(fmt::format("{}:{}: rank {} need not hear from itself: take the line out", file, number, edge[0]));
    edges.push_back(edge);
  }
  if (in.bad()) throw Error(fmt::format("{} cannot be read to its end", file));
  return edges;
}

}  // namespace

Topology::Topology(std::string text, int ranks, std::vector<Lists> sources, bool allow_disconnected)
    : text_(std::move(text)), ranks_(ranks) {
  std::vector<Lists> targets(sources.size(), Lists(static_cast<std::size_t>(ranks)));
  for (std::size_t round = 0; round < sources.size(); ++round)
    for (int rank = 0; rank < ranks; ++rank) {
      auto& heard = sources[round][static_cast<std::size_t>(rank)];
      std::sort(heard.begin(), heard.end());
      heard.erase(std::unique(heard.begin(), heard.end()), heard.end());
      for (const int source : heard) targets[round][static_cast<std::size_t>(source)].push_back(rank);
    }
  undirected_ = sources == targets;
  sources_ = std::make_shared<const std::vector<Lists>>(std::move(sources));
  targets_ = std::make_shared<const std::vector<Lists>>(std::move(targets));
  if (allow_disconnected || parts() == 1) return;
  const std::vector<int> hops = distances(0);
  const auto cut_off = std::find(hops.begin(), hops.end(), -1) - hops.begin();
  throw Error(fmt::format("--topology {} falls into {} parts (rank 0 never hears of rank {}), which would never agree: join them, or give "
                          "--allow-disconnected to see it", text_, parts(), cut_off));
}

Topology Topology::of_edges(std::string text, int ranks, std::span<const std::array<int, 2>> edges, bool allow_disconnected) {
  Lists sources(static_cast<std::size_t>(ranks));
  for (const auto& [u, v] : edges) {
    sources[static_cast<std::size_t>(u)].push_back(v);
    sources[static_cast<std::size_t>(v)].push_back(u);
  }
  return Topology(std::move(text), ranks, {std::move(sources)}, allow_disconnected);
}

Topology Topology::make(const std::string& text, int ranks, std::uint64_t seed, bool allow_disconnected) {
  if (ranks < 1 || ranks > kMostRanks) throw Error(fmt::format("--topology {} is for 1 to {} ranks, not {}", text, kMostRanks, ranks));
  const auto of = [&](const Edges& edges) { return of_edges(text, ranks, edges, allow_disconnected); };
  const std::string_view name = std::string_view(text).substr(0, text.starts_with("random:") ? 6 : text.npos);
  switch (from_name(kTopologies, name).value_or(TopologyName::file)) {
    case TopologyName::ring: return of(ring(ranks));
    case TopologyName::torus: return of(torus(ranks));
    case TopologyName::hypercube: return of(hypercube(ranks));
    case TopologyName::star: return of(star(ranks));
    case TopologyName::complete: return of(complete(ranks));
    case TopologyName::random:
      return random_regular(text, std::string_view(text).substr(std::min<std::size_t>(text.size(), 7)), ranks, seed, allow_disconnected);
    case TopologyName::exponential:
    case TopologyName::one_peer: {
      const bool one = name == name_of(kTopologies, TopologyName::one_peer);
      std::vector<Lists> sources(one ? static_cast<std::size_t>(std::max(1, log2_ceil(ranks))) : 1, Lists(static_cast<std::size_t>(ranks)));
      for (int k = 0; k < log2_ceil(ranks); ++k)
        for (int rank = 0; rank < ranks; ++rank)
          sources[one ? static_cast<std::size_t>(k) : 0][static_cast<std::size_t>(rank)].push_back((rank + (1 << k)) % ranks);
      return Topology(text, ranks, std::move(sources), allow_disconnected);
    }
    case TopologyName::file: break;
  }
  return of(read_edges(text, ranks));
}

std::size_t Topology::degree() const {
  std::size_t most = 0;
  for (const Lists& lists : *sources_)
    for (const auto& heard : lists) most = std::max(most, heard.size());
  return most;
}

std::vector<int> Topology::distances(int to) const {
  std::vector<int> hops(static_cast<std::size_t>(ranks_), -1), reached{to};
  hops[static_cast<std::size_t>(to)] = 0;
  for (std::size_t i = 0; i < reached.size(); ++i)
    for (const Lists& lists : *sources_)
      for (const int source : lists[static_cast<std::size_t>(reached[i])])
        if (int& hop = hops[static_cast<std::size_t>(source)]; hop < 0) {
          hop = hops[static_cast<std::size_t>(reached[i])] + 1;
          reached.push_back(source);
        }
  return hops;
}

int Topology::parts() const {
  // A directed graph of ours is a circulant: whoever is heard of hears back, over some hops.
  int count = 0;
  std::vector<bool> seen(static_cast<std::size_t>(ranks_));
  for (int rank = 0; rank < ranks_; ++rank) {
    if (seen[static_cast<std::size_t>(rank)]) continue;
    ++count;
    const std::vector<int> hops = distances(rank);
    for (std::size_t i = 0; i < hops.size(); ++i)
      if (hops[i] >= 0) seen[i] = true;
  }
  return count;
}

}  // namespace sounder::mpi
