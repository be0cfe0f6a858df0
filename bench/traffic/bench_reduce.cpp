// Sums of vectors over ranks: Sounder's reducers and the MPI library's own allreduce, in turn.
//   mpirun -n 4 bench_reduce --kib 4096,65536
#include <cstdint>
#include <memory>
#include <vector>

#include <sounder/params/table.hpp>

#include "reduce/deterministic.hpp"
#include "reduce/reducer.hpp"
#include "traffic/raw.hpp"
#include "traffic/traffic.hpp"

namespace {

using namespace sounder;
using namespace sounder::bench;

constexpr int kWidth = 64;

/// Every subtree of this rank's shards holds the whole vector: where the number of ranks is a power of two, one.
std::unique_ptr<mpi::ShardTree> planted(const mpi::RowNumbers& numbers, const std::vector<float>& vector, int rank, int ranks) {
  auto tree = std::make_unique<mpi::ShardTree>(numbers);
  for (const mpi::TreeNode node : mpi::subtrees(mpi::first_shard_of(rank, ranks), mpi::first_shard_of(rank + 1, ranks))) {
    mpi::RowSums sums;
    sums.count = numbers.rows();
    sums.sums = vector;
    tree->add(node, std::move(sums));
  }
  return tree;
}

void sums(mpi::World& world, const Traffic& traffic) {
  mpi::Endpoint& endpoint = world.endpoint();
  const auto ring = mpi::make_ring(endpoint), library = mpi::make_mpi_reducer(endpoint);
  for (const std::size_t kib : traffic.kib) {
    const Layout layout{{.rows = static_cast<std::uint32_t>(kib * 1024 / sizeof(float) / kWidth), .width = kWidth}};
    const mpi::RowNumbers numbers(layout);
    std::vector<float> vector(numbers.floats());
    mpi::TreeReducer tree(endpoint, numbers);
    std::unique_ptr<mpi::ShardTree> shards;
    const auto timings = in_turn(endpoint,
                                 {{"MPI_Allreduce, in place", [&] { endpoint.run([&] { raw_allreduce(vector); }); }},
                                  {"ring", [&] { ring->sum(vector); }},
                                  {"mpi", [&] { library->sum(vector); }},
                                  {"deterministic", [&] { tree.sum(*shards); }, [&] { shards = planted(numbers, vector, world.rank(), world.size()); }}},
                                 traffic.repeat);
    report(world, traffic, {.program = "bench_reduce", .what = "sum", .ranks = world.size(), .bytes = vector.size() * sizeof(float)}, timings);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_traffic(argc, argv, "bench_reduce", "Sums of vectors over ranks: the reducers, and MPI_Allreduce, in turn.", sums);
}
