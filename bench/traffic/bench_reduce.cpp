// Sums of vectors over ranks: Sounder's reducers and the MPI library's own allreduce, in turn.
//   mpirun -n 4 bench_reduce --kib 4096,65536
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sounder/error.hpp>
#include <sounder/params/table.hpp>

#include "reduce/deterministic.hpp"
#include "reduce/reducer.hpp"
#include "reduce/row_reducer.hpp"
#include "traffic/placements.hpp"
#include "traffic/raw.hpp"
#include "traffic/traffic.hpp"

namespace {

using namespace sounder;
using namespace sounder::bench;

constexpr int kWidth = 64;
constexpr int kPercents[] = {1, 10, 30, 100};  ///< of the rows, in sums of rows

/// Every subtree of this rank's shards holds the whole vector: where the number of ranks is a power of two, one.
std::unique_ptr<mpi::ShardTree> planted(const mpi::RowNumbers& numbers, const std::vector<float>& vector, int rank, int ranks) {
  auto tree = std::make_unique<mpi::ShardTree>(numbers);
  for (const mpi::TreeNode node : mpi::subtrees(mpi::first_shard_of(rank, ranks), mpi::first_shard_of(rank + 1, ranks))) {
    mpi::RowSums sums;
    sums.count = numbers.rows();
    sums.sums.assign(vector.begin(), vector.end());
    tree->add(node, std::move(sums));
  }
  return tree;
}

/// So many percent of the rows, others on each rank, all as likely.
mpi::RowSums some_rows(const mpi::RowNumbers& numbers, const std::vector<float>& vector, int percent, int rank) {
  mpi::RowSums rows;
  std::minstd_rand random(static_cast<unsigned>(rank) + 1);
  for (std::uint32_t row = 0; row < numbers.rows(); ++row) {
    if (static_cast<int>(random() % 100) >= percent) continue;
    rows.numbers.push_back(row);
    const auto from = vector.begin() + static_cast<std::ptrdiff_t>(row) * kWidth;
    rows.sums.insert(rows.sums.end(), from, from + kWidth);
  }
  mpi::settle(rows);
  return rows;
}

void sums(mpi::World& world, const Traffic& traffic) {
  mpi::Endpoint& endpoint = world.endpoint();
  const int ranks_per_node = traffic.ranks_per_node > 0 ? traffic.ranks_per_node : std::max(1, endpoint.size() / 2);
  const mpi::ReducerOptions options{.ranks_per_node = traffic.ranks_per_node};
  std::vector<std::pair<std::string, std::unique_ptr<mpi::Reducer>>> reducers;
  for (const auto& name : kReducers)
    if (name.value != ReducerName::deterministic) reducers.emplace_back(name.name, mpi::make_reducer(name.value, endpoint, options));
  const auto places = placements(endpoint, ranks_per_node);
  for (const std::size_t kib : traffic.kib) {
    const Layout layout{{.rows = static_cast<std::uint32_t>(kib * 1024 / sizeof(float) / kWidth), .width = kWidth}};
    const mpi::RowNumbers numbers(layout);
    std::vector<float> vector(numbers.floats()), apart(vector.size());
    mpi::TreeReducer tree(endpoint, numbers);
    std::unique_ptr<mpi::ShardTree> shards;
    std::vector<Contender> contenders{{"MPI_Allreduce, in place", [&] { endpoint.run([&] { raw_allreduce(vector); }); }},
                                      {"MPI_Allreduce, apart", [&] { endpoint.run([&] { raw_allreduce(vector, apart); }); }},
                                      {"MPI_Iallreduce, in place", [&] { endpoint.run([&] { raw_iallreduce(vector); }); }},
                                      {"MPI_Iallreduce, apart", [&] { endpoint.run([&] { raw_iallreduce(vector, apart); }); }}};
    for (const auto& named : reducers) contenders.push_back({named.first, [&] { named.second->sum(vector); }});
    contenders.push_back({"deterministic", [&] { tree.sum(*shards); }, [&] { shards = planted(numbers, vector, world.rank(), world.size()); }});
    mpi::RowReducer of_rows(endpoint, mpi::make_ring(endpoint), numbers);
    mpi::RowSums rows;
    for (const int percent : kPercents)
      contenders.push_back({fmt::format("rows, {} %", percent), [&] { of_rows.sum(std::move(rows)); }, [&, percent] { rows = some_rows(numbers, vector, percent, world.rank()); }});
    if (!traffic.only.empty()) std::erase_if(contenders, [&](const Contender& each) { return std::ranges::find(traffic.only, each.name) == traffic.only.end(); });
    if (contenders.empty()) throw Error(fmt::format("--only {} names none of the sums: give some of the names that are printed without it", fmt::join(traffic.only, "/")));
    const std::size_t bytes = vector.size() * sizeof(float);
    report(world, traffic, {.program = "bench_reduce", .what = "sum", .ranks = world.size(), .bytes = bytes}, in_turn(endpoint, contenders, traffic.repeat));

    if (world.size() == 1 || !traffic.only.empty()) continue;
    Links links = measure_links(endpoint, bytes, traffic.repeat);
    if (traffic.link_mib > 0) links = {.one = traffic.link_mib * 1024 * 1024, .all = traffic.link_mib * 1024 * 1024 * world.size()};
    contenders.clear();
    for (const Placement& place : places) contenders.push_back({place.name, [&] { place.reducer->sum(vector); }});
    const auto timings = in_turn(endpoint, contenders, traffic.repeat);
    if (world.rank() == 0) print(places, links, bytes, world.size(), timings);
    if (world.rank() == 0 && !traffic.json.empty())
      record(traffic.json, {.program = "bench_reduce", .what = "placement", .ranks = world.size(), .bytes = bytes}, timings);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_traffic(argc, argv, "bench_reduce", "Sums of vectors over ranks: the reducers, MPI_Allreduce, and where gradients may come together, in turn.", sums,
                     [](CommandLine& line, Traffic& traffic) {
                       line.text("--only", "measure these sums alone, by the names that are printed, with / between them (default: all, and the placements)", "NAME[/NAME]",
                                 [&](const std::string& list) {
                                   for (const auto name : std::views::split(list, '/')) traffic.only.emplace_back(name.begin(), name.end());
                                 });
                       line.number<int>("--ranks-per-node", traffic.ranks_per_node,
                                        "of the hierarchy: so many ranks count as one machine (default 0: those with one host name; in the table of placements half of all)");
                       line.number<double>("--link", traffic.link_mib, "MiB/s that the formulas take a link to carry (default 0: what plain messages carry)");
                     });
}
