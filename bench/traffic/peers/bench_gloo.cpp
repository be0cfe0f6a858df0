// Sums of vectors over ranks: Sounder's ring and Gloo's (libgloo-dev), in turn, in the same processes.
//   mpirun -n 4 --mca btl self,tcp bench_gloo --kib 4096,16384
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "reduce/reducer.hpp"
#include "traffic/raw.hpp"
#include "traffic/traffic.hpp"

namespace {

using namespace sounder;
using namespace sounder::bench;

/// What Gloo's ranks tell each other at the start: all of them set as many keys, before they ask for any.
class Names final : public gloo::rendezvous::Store {
 public:
  explicit Names(mpi::Endpoint& endpoint) : endpoint_(endpoint) {}

  void set(const std::string& key, const std::vector<char>& data) override {
    std::vector<char> mine(key.begin(), key.end());
    mine.push_back('\0');
    mine.insert(mine.end(), data.begin(), data.end());
    for (const mpi::Payload& each : mpi::all_gather(endpoint_, mpi::Payload::of(mine))) {
      const auto bytes = each.as<char>();
      const auto end = std::find(bytes.begin(), bytes.end(), '\0');
      known_[std::string(bytes.begin(), end)].assign(end + 1, bytes.end());
    }
  }
  std::vector<char> get(const std::string& key) override { return known_.at(key); }
  void wait(const std::vector<std::string>&) override {}

 private:
  mpi::Endpoint& endpoint_;
  std::map<std::string, std::vector<char>> known_;
};

/// Over TCP on the loopback interface, as Open MPI does with --mca btl self,tcp.
std::shared_ptr<gloo::Context> connected(mpi::World& world) {
  auto context = std::make_shared<gloo::rendezvous::Context>(world.rank(), world.size());
  auto device = gloo::transport::tcp::CreateDevice("127.0.0.1");
  Names names(world.endpoint());
  context->connectFullMesh(names, device);
  return context;
}

/// The call that PyTorch makes.
void allreduce(const std::shared_ptr<gloo::Context>& context, std::vector<float>& vector) {
  gloo::AllreduceOptions options(context);
  options.setOutput(vector.data(), vector.size());
  options.setReduceFunction(static_cast<void (*)(void*, const void*, const void*, std::size_t)>(&gloo::sum<float>));
  gloo::allreduce(options);
}

/// One sum of a vector that is this rank's number, plus 1, everywhere.
void check(const Contender& contender, std::vector<float>& vector, const mpi::World& world) {
  std::fill(vector.begin(), vector.end(), static_cast<float>(world.rank() + 1));
  contender.run();
  const auto expected = static_cast<float>(world.size() * (world.size() + 1) / 2);
  if (std::any_of(vector.begin(), vector.end(), [&](float value) { return value != expected; }))
    throw Error(fmt::format("{} does not add up on rank {}: this build of it cannot be compared", contender.name, world.rank()));
  std::fill(vector.begin(), vector.end(), 0.f);
}

void sums(mpi::World& world, const Traffic& traffic) {
  if (world.size() < 2) throw Error("bench_gloo needs ranks that can send to each other: run it by mpirun -n 2 or more");
  mpi::Endpoint& endpoint = world.endpoint();
  const auto context = connected(world);
  const auto ring = mpi::make_ring(endpoint), double_ring = mpi::make_double_ring(endpoint);
  for (const std::size_t kib : traffic.kib) {
    std::vector<float> vector(kib * 1024 / sizeof(float));
    const auto count = static_cast<int>(vector.size());
    gloo::AllreduceRingChunked<float> chunked(context, {vector.data()}, count);
    gloo::AllreduceHalvingDoubling<float> halving(context, {vector.data()}, count);
    const std::vector<Contender> contenders{{"Gloo, ring_chunked", [&] { chunked.run(); }},
                                            {"Gloo, allreduce (ring)", [&] { allreduce(context, vector); }},
                                            {"Gloo, halving_doubling", [&] { halving.run(); }},
                                            {"ring", [&] { ring->sum(vector); }},
                                            {"double-ring", [&] { double_ring->sum(vector); }},
                                            {"MPI_Allreduce, in place", [&] { endpoint.run([&] { raw_allreduce(vector); }); }}};
    for (const Contender& contender : contenders) check(contender, vector, world);
    const std::size_t bytes = vector.size() * sizeof(float);
    report(world, traffic, {.program = "bench_gloo", .what = "sum", .ranks = world.size(), .bytes = bytes}, in_turn(endpoint, contenders, traffic.repeat));
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_traffic(argc, argv, "bench_gloo", "Sums of vectors over ranks: Sounder's rings, Gloo's, and MPI_Allreduce, in turn.", sums);
}
