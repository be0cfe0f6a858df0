#include "traffic/placements.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <mpi.h>

#include "reduce/walk.hpp"
#include "units.hpp"

namespace sounder::bench {
namespace {

/// What comes from one rank, for the part that is this rank's own.
mpi::Walk gather(mpi::Lane in, mpi::Lane out, std::span<float> vector, int own, int ranks, std::size_t chunk_floats) {
  const auto count = static_cast<std::size_t>(ranks);
  for (int rank = 0; rank < ranks; ++rank)
    for (const std::span<float> chunk : mpi::chunks_of(vector, static_cast<std::size_t>(rank), count, chunk_floats))
      if (rank != own) in.send(rank, chunk);
  for (const std::span<float> chunk : mpi::chunks_of(vector, static_cast<std::size_t>(own), count, chunk_floats)) {
    for (int i = 1; i < ranks; ++i) {
      const mpi::Payload part = co_await in.receive((own + i) % ranks);
      mpi::add_to(chunk, part);
    }
    for (int i = 1; i < ranks; ++i) out.send((own + i) % ranks, chunk);
  }
}

/// The sum of the part of one other rank.
mpi::Walk take(mpi::Lane lane, std::span<float> vector, int owner, int ranks, std::size_t chunk_floats) {
  for (const std::span<float> chunk : mpi::chunks_of(vector, static_cast<std::size_t>(owner), static_cast<std::size_t>(ranks), chunk_floats)) {
    const mpi::Payload sum = co_await lane.receive(owner);
    mpi::copy_to(chunk, sum);
  }
}

class Spread final : public mpi::Reducer {
 public:
  Spread(mpi::Endpoint& endpoint, std::size_t chunk_bytes) : endpoint_(endpoint), chunk_(mpi::floats_of_chunk(chunk_bytes)) {}

  void sum(std::span<float> vector) override {
    const int own = endpoint_.rank(), ranks = endpoint_.size();
    mpi::Walks walks(endpoint_);
    const mpi::Lane in(walks), out(walks);
    std::vector<mpi::Walk> all;
    all.push_back(gather(in, out, vector, own, ranks, chunk_));
    for (int owner = 0; owner < ranks; ++owner)
      if (owner != own) all.push_back(take(out, vector, owner, ranks, chunk_));
    walks.run(all, "a sum spread over all ranks");
  }

 private:
  mpi::Endpoint& endpoint_;
  std::size_t chunk_;
};

}  // namespace

std::unique_ptr<mpi::Reducer> make_spread(mpi::Endpoint& endpoint, std::size_t chunk_bytes) { return std::make_unique<Spread>(endpoint, chunk_bytes); }

std::vector<Placement> placements(mpi::Endpoint& endpoint, int ranks_per_node) {
  const int ranks = endpoint.size();
  const double n = ranks, nodes = (ranks + ranks_per_node - 1) / ranks_per_node, near = std::min(ranks, ranks_per_node);
  std::vector<Placement> all;
  all.push_back({"one place", "2 (n - 1)", 2 * (n - 1), mpi::make_hierarchical(endpoint, {.ranks_per_node = ranks})});
  all.push_back({"spread over all", "2 (n - 1) / n", 2 * (n - 1) / n, make_spread(endpoint)});
  all.push_back({"ring", "2 (n - 1) / n", 2 * (n - 1) / n, mpi::make_ring(endpoint)});
  all.push_back({"two rings", "(n - 1) / n", (n - 1) / n, mpi::make_double_ring(endpoint)});
  all.push_back({"tree", "2 log2 n", 2. * std::bit_width(static_cast<unsigned>(ranks - 1)), mpi::make_tree(endpoint)});
  all.push_back({fmt::format("machines of {}", ranks_per_node), "2 (r - 1) + 2 (k - 1) / k", 2 * (near - 1) + 2 * (nodes - 1) / nodes,
                 mpi::make_hierarchical(endpoint, {.ranks_per_node = ranks_per_node})});
  return all;
}

Links measure_links(mpi::Endpoint& endpoint, std::size_t bytes, int repeat) {
  const int rank = endpoint.rank(), ranks = endpoint.size();
  std::vector<char> out(bytes, 1), in(bytes);
  const auto exchange = [&](bool sends, bool receives) {
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    const int count = static_cast<int>(bytes);
    if (receives) MPI_Irecv(in.data(), count, MPI_BYTE, (rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD, &requests[0]);
    if (sends) MPI_Isend(out.data(), count, MPI_BYTE, (rank + 1) % ranks, 0, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  };
  const auto timings = in_turn(endpoint,
                               {{"one", [&] { endpoint.run([&] { exchange(rank == 0, rank == 1); }); }},
                                {"all", [&] { endpoint.run([&] { exchange(true, true); }); }}},
                               repeat);
  const double size = static_cast<double>(bytes);
  return {.one = size / timings[0].median(), .all = size * ranks / timings[1].median()};
}

void print(const std::vector<Placement>& placements, const Links& links, std::size_t bytes, int ranks, const std::vector<Timing>& timings) {
  const double one = static_cast<double>(bytes) / links.one, shared = 2. * (ranks - 1) * static_cast<double>(bytes) / links.all;
  fmt::print("placements of {}, {} ranks: a link carries {}/s, all together {}/s; every placement moves 2 (n - 1) vectors in all\n",
             bytes_text(bytes), ranks, bytes_text(static_cast<std::size_t>(links.one)), bytes_text(static_cast<std::size_t>(links.all)));
  fmt::print("  {:<16} {:<26} {:>12} {:>12} {:>10} {:>8} {:>8}\n", "", "vectors over a link", "own links", "one memory", "measured", "of own", "of one");
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const double own = placements[i].vectors * one, measured = timings[i].median();
    fmt::print("  {:<16} {:<26} {:>12} {:>12} {:>10} {:8.2f} {:8.2f}\n", placements[i].name, placements[i].formula, duration(own), duration(shared),
               duration(measured), measured / own, measured / shared);
  }
}

}  // namespace sounder::bench
