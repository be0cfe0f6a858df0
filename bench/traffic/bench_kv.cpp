// The key-value store and plain messages of the MPI library, in turn: rank 0 is the worker, the others are the servers.
//   mpirun -n 2 bench_kv --kib 16384,65536
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/kv_store.hpp>

#include "collectives.hpp"
#include "traffic/raw.hpp"
#include "traffic/traffic.hpp"

namespace {

using namespace sounder;
using namespace sounder::bench;

constexpr int kWidth = 64;
constexpr int kRoundTrips = 1000;
constexpr std::uint64_t kOneIn = 100;  ///< of the rows, in a sparse push

/// Lets pushes fall: what they cost without being applied.
class Discard final : public mpi::Updater {
 public:
  void apply(mpi::ShardRows&, const mpi::PushView&) override {}
};

mpi::KvOptions options(const mpi::World& world, bool applies) {
  mpi::KvOptions options{.workers = 1, .servers = world.size() - 1, .first_server = 1};
  if (!applies) options.updater = [](mpi::ShardRows&, int) { return std::make_unique<Discard>(); };
  return options;
}

/// Every kOneIn-th row, each by itself, as sparse gradients come: a run of one row.
std::vector<mpi::Run> sparse_rows(std::uint64_t rows) {
  std::vector<mpi::Run> runs;
  for (std::uint64_t row = 0; row < rows; row += kOneIn) runs.push_back({0, 1, row});
  return runs;
}

/// A push of some rows, and the pull of a row behind it from each server, whose answers come when the push is applied.
void push(mpi::KvStore& store, const std::vector<mpi::Run>& pushed, std::span<float> values, const std::vector<mpi::Run>& rows) {
  if (!store.works()) return;
  const auto ticket = store.push(pushed, values, {.borrow = true});
  std::vector<float> row(rows.size() * kWidth);
  store.wait(store.pull(rows, row));
  store.wait(ticket);
}

void pull(mpi::KvStore& store, std::vector<float>& values) {
  if (store.works()) store.wait(store.pull(store.everything(), values));
}

void vectors(mpi::World& world, const Traffic& traffic, std::size_t kib) {
  mpi::Endpoint& endpoint = world.endpoint();
  const std::vector<mpi::KvTable> tables{{.rows = kib * 1024 / sizeof(float) / kWidth, .width = kWidth}};
  std::vector<float> values(static_cast<std::size_t>(tables[0].rows) * kWidth);
  std::vector<mpi::Run> rows;  // one at each server, wherever they lie: evenly spread ones are enough
  const auto servers = static_cast<std::uint64_t>(world.size() - 1);
  for (std::uint64_t server = 0; server < servers; ++server) rows.push_back({0, 1, tables[0].rows * server / servers});
  const auto series = [&](const char* what) {
    return Series{.program = "bench_kv", .what = what, .ranks = world.size(), .bytes = values.size() * sizeof(float)};
  };
  // One store at a time: they handle the same kinds of frames.
  for (const bool applies : {false, true}) {
    mpi::KvStore store(world, tables, values, options(world, applies));
    std::vector<Contender> contenders{{"Isend, Irecv", [&] { endpoint.run([&] { raw_push(world.rank(), world.size(), values); }); }},
                                      {applies ? "push, applied" : "push", [&] { push(store, store.everything(), values, rows); }}};
    const std::vector<mpi::Run> sparse = sparse_rows(tables[0].rows);
    if (applies) contenders.push_back({"push of 1 % of the rows, applied", [&] { push(store, sparse, std::span(values).first(sparse.size() * kWidth), rows); }});
    auto timings = in_turn(endpoint, contenders, traffic.repeat);
    report(world, traffic, series("push"), timings);
    if (applies) {
      timings = in_turn(endpoint,
                        {{"Isend, Irecv", [&] { endpoint.run([&] { raw_pull(world.rank(), world.size(), values); }); }},
                         {"pull", [&] { pull(store, values); }}},
                        traffic.repeat);
      report(world, traffic, series("pull"), timings);
    }
    store.quiesce();
  }
}

void small(mpi::World& world, const Traffic& traffic) {
  mpi::Endpoint& endpoint = world.endpoint();
  const std::vector<mpi::KvTable> tables{{.rows = 1000, .width = 16}};
  std::vector<float> initial(16'000), row(16);
  mpi::KvStore store(world, tables, initial, options(world, true));
  const std::vector<mpi::Run> one{{0, 1, 7}};
  const auto timings = in_turn(endpoint,
                               {{"ping-pong", [&] { endpoint.run([&] { raw_ping_pong(world.rank(), kRoundTrips, 64); }); }},
                                {"pull of a row",
                                 [&] {
                                   for (int i = 0; store.works() && i < kRoundTrips; ++i) store.wait(store.pull(one, row));
                                 }}},
                               traffic.repeat);
  report(world, traffic, {.program = "bench_kv", .what = "round trip", .ranks = world.size(), .bytes = 64, .rounds = kRoundTrips}, timings);
  store.quiesce();
}

void traffic_of_store(mpi::World& world, const Traffic& traffic) {
  if (world.size() < 2) throw Error("bench_kv needs a worker and a server: run it by mpirun -n 2 or more");
  small(world, traffic);
  for (const std::size_t kib : traffic.kib) vectors(world, traffic, kib);
}

}  // namespace

int main(int argc, char** argv) {
  return run_traffic(argc, argv, "bench_kv", "The key-value store and plain messages, in turn: rank 0 pushes and pulls, the others serve.",
                     traffic_of_store);
}
