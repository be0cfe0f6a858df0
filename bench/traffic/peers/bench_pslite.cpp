// Sounder's key-value store and that of ps-lite (github.com/dmlc/ps-lite), in turn, in the same processes: rank 0 is the worker, rank 1 the server, rank 2
// the scheduler that ps-lite wants.
//   mpirun -n 3 --mca btl self,tcp bench_pslite
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <ps/ps.h>

#include <sounder/error.hpp>
#include <sounder/mpi/kv_store.hpp>

#include "collectives.hpp"
#include "traffic/traffic.hpp"

namespace {

using namespace sounder;
using namespace sounder::bench;

constexpr int kRanks = 3;
constexpr int kWidth = 64;  ///< of a row of a dense vector

/// Lets pushes fall: what they cost without being applied.
class Discard final : public mpi::Updater {
 public:
  void apply(mpi::ShardRows&, const mpi::PushView&) override {}
};

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!bound) throw Error("no port is free on 127.0.0.1: end what holds them");
  return ntohs(address.sin_port);
}

/// The ps-lite of this process, from its start to its end. Its server keeps one vector.
class PsLite {
 public:
  /// What it does with keys: nothing, the values are the vector as it lies (the least that a server can do), or what ps-lite's KVServerDefaultHandle does.
  enum Keys { kIgnored, kLookedUp };

  explicit PsLite(mpi::World& world) : rank_(world.rank()) {
    const int port = mpi::broadcast(world.endpoint(), 2, mpi::Payload::of(std::vector<int>{rank_ == 2 ? free_port() : 0})).as<int>()[0];
    const char* const roles[kRanks] = {"worker", "server", "scheduler"};
    set("DMLC_ROLE", roles[rank_]);
    set("DMLC_NUM_WORKER", "1");
    set("DMLC_NUM_SERVER", "1");
    set("DMLC_NODE_HOST", "127.0.0.1");
    set("DMLC_PS_ROOT_URI", "127.0.0.1");
    set("DMLC_PS_ROOT_PORT", std::to_string(port));
    ps::Start(0);
    if (rank_ == 0) worker_ = std::make_unique<ps::KVWorker<float>>(0, 0);
    if (rank_ == 1) {
      server_ = std::make_unique<ps::KVServer<float>>(0);
      server_->set_request_handle([this](const ps::KVMeta& meta, const ps::KVPairs<float>& pairs, ps::KVServer<float>* server) { serve(meta, pairs, *server); });
    }
    mpi::barrier(world.endpoint());
  }
  ~PsLite() { ps::Finalize(0, true); }
  PsLite(const PsLite&) = delete;
  PsLite& operator=(const PsLite&) = delete;

  /// For the worker, on whose rank they do something: all values, one for each key or as many as each of them has.
  void push(const ps::SArray<ps::Key>& keys, const ps::SArray<float>& values, Keys how = kIgnored) {
    if (worker_) worker_->Wait(worker_->ZPush(keys, values, {}, how));
  }
  void pull(const ps::SArray<ps::Key>& keys, ps::SArray<float>& values, Keys how = kIgnored) {
    if (worker_) worker_->Wait(worker_->ZPull(keys, &values, nullptr, how));
  }
  /// For the server: zeros, as many for each key, to which pushes are added if `applies`.
  void keep(const ps::SArray<ps::Key>& keys, std::size_t floats, bool applies) {
    kept_ = ps::SArray<float>(floats, 0.f);
    applies_ = applies;
    places_.clear();
    if (server_)
      for (std::size_t i = 0; i < keys.size(); ++i) places_[keys.data()[i]] = i * (floats / keys.size());
  }

 private:
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

  static void add(float* to, const float* from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
  }

  void serve(const ps::KVMeta& meta, const ps::KVPairs<float>& pairs, ps::KVServer<float>& server) {
    ps::KVPairs<float> answer;
    const std::size_t width = kept_.size() / pairs.keys.size();
    if (!meta.push) {
      answer.keys = pairs.keys;
      answer.vals = meta.cmd == kIgnored ? kept_ : ps::SArray<float>(kept_.size());
      for (std::size_t i = 0; meta.cmd == kLookedUp && i < pairs.keys.size(); ++i)
        std::copy_n(kept_.data() + places_.at(pairs.keys.data()[i]), width, answer.vals.data() + i * width);
    } else if (applies_ && meta.cmd == kLookedUp) {
      for (std::size_t i = 0; i < pairs.keys.size(); ++i) add(kept_.data() + places_.at(pairs.keys.data()[i]), pairs.vals.data() + i * width, width);
    } else if (applies_) {
      add(kept_.data(), pairs.vals.data(), pairs.vals.size());
    }
    server.Response(meta, answer);
  }

  int rank_;
  bool applies_ = false;
  ps::SArray<float> kept_;
  std::unordered_map<ps::Key, std::size_t> places_;  ///< of each key, in kept_; of the server alone
  std::unique_ptr<ps::KVWorker<float>> worker_;
  std::unique_ptr<ps::KVServer<float>> server_;
};

mpi::KvOptions options(bool applies) {
  mpi::KvOptions options{.workers = 1, .servers = 1, .first_server = 1};
  if (!applies) options.updater = [](mpi::ShardRows&, int) { return std::make_unique<Discard>(); };
  return options;
}

/// A push, and the pull of a row behind it, whose answer comes when the push is applied.
void push(mpi::KvStore& store, const std::vector<mpi::Run>& runs, const std::vector<float>& values, int width) {
  if (!store.works()) return;
  const auto ticket = store.push(runs, values, {.borrow = true});
  std::vector<float> row(static_cast<std::size_t>(width));
  store.wait(store.pull(std::vector<mpi::Run>{{0, 1, 0}}, row));
  store.wait(ticket);
}

void pull(mpi::KvStore& store, const std::vector<mpi::Run>& runs, std::vector<float>& values) {
  if (store.works()) store.wait(store.pull(runs, values));
}

/// Keys as ps-lite's own benchmark spreads them.
ps::SArray<ps::Key> spread(std::size_t count) {
  std::vector<ps::Key> keys(count);
  for (std::size_t i = 0; i < count; ++i) keys[i] = ps::kMaxKey / count * i;
  return ps::SArray<ps::Key>(keys);
}

/// `keys` keys of `width` floats in one message: at Sounder rows, every second of its table, so that no two of them are one run; or, as the servers of
/// training send it, one run of all.
void messages(mpi::World& world, const Traffic& traffic, PsLite& peer, std::size_t keys, int width, bool dense) {
  mpi::Endpoint& endpoint = world.endpoint();
  const std::vector<mpi::KvTable> tables{{.rows = dense ? keys * static_cast<std::size_t>(width) / kWidth : 2 * keys, .width = dense ? kWidth : width}};
  std::vector<float> initial(static_cast<std::size_t>(tables[0].rows) * static_cast<std::size_t>(tables[0].width));
  std::vector<float> values(keys * static_cast<std::size_t>(width), 1.f);
  std::vector<mpi::Run> runs{{0, static_cast<std::uint32_t>(tables[0].rows), 0}};
  if (!dense) {
    runs.clear();
    for (std::size_t i = 0; i < keys; ++i) runs.push_back({0, 1, 2 * i});
  }
  const ps::SArray<ps::Key> each = spread(keys), one = spread(1);
  ps::SArray<float> pushed(values.size(), 1.f), pulled(values.size());
  const std::string what = dense ? fmt::format("one vector, {} keys at ps-lite,", keys) : fmt::format("{} keys x {},", keys, width);
  const auto series = [&](const std::string& name) {
    return Series{.program = "bench_pslite", .what = name + " " + what, .ranks = 2, .bytes = values.size() * sizeof(float)};
  };
  for (const bool applies : {false, true}) {
    mpi::KvStore store(world, tables, initial, options(applies));
    peer.keep(each, values.size(), applies);
    std::vector<Contender> contenders{{"ps-lite, ZPush", [&] { peer.push(each, pushed); }}};
    if (dense) contenders.push_back({"ps-lite, one key", [&] { peer.push(one, pushed); }});
    if (!dense && applies) contenders.push_back({"ps-lite, keys looked up", [&] { peer.push(each, pushed, PsLite::kLookedUp); }});
    contenders.push_back({"push", [&] { push(store, runs, values, tables[0].width); }});
    report(world, traffic, series(applies ? "push, added up," : "push"), in_turn(endpoint, contenders, traffic.repeat));
    if (applies) {
      contenders = {{"ps-lite, ZPull", [&] { peer.pull(each, pulled); }}};
      if (dense) contenders.push_back({"ps-lite, one key", [&] { peer.pull(one, pulled); }});
      if (!dense) contenders.push_back({"ps-lite, keys looked up", [&] { peer.pull(each, pulled, PsLite::kLookedUp); }});
      contenders.push_back({"pull", [&] { pull(store, runs, values); }});
      report(world, traffic, series("pull"), in_turn(endpoint, contenders, traffic.repeat));
    }
    store.quiesce();
  }
}

void traffic_of_both(mpi::World& world, const Traffic& traffic) {
  if (world.size() != kRanks) throw Error("bench_pslite needs a worker, a server and a scheduler: run it by mpirun -n 3");
  PsLite peer(world);
  messages(world, traffic, peer, 10'000'000, 1, true);  // ps-lite's own benchmark
  for (const int width : {1, 4, 16, 64}) messages(world, traffic, peer, 65'536, width, false);
}

}  // namespace

int main(int argc, char** argv) {
  return run_traffic(argc, argv, "bench_pslite", "The key-value stores of Sounder and of ps-lite, in turn: rank 0 pushes and pulls, rank 1 serves, rank 2 schedules.",
                     traffic_of_both);
}
