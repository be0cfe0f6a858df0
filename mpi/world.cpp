#include <sounder/mpi/world.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "transport/inproc.hpp"
#include "transport/mpi.hpp"
#include "transport/sim_ranks.hpp"

namespace sounder::mpi {
namespace {

std::string own_host() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "an unknown host";
  return name.data();
}

/// The first exception of any thread.
class First {
 public:
  void take(std::exception_ptr exception) {
    const std::lock_guard lock(mutex_);
    if (!first_) first_ = std::move(exception);
  }
  void rethrow() const {  // when all threads have ended
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;  // guarded by mutex_
};

/// One rank of a process. What it throws is told to the others, so that nobody waits for it.
void live(std::unique_ptr<Endpoint> endpoint, const std::function<void(World&)>& work, First& first) {
  const int rank = endpoint->rank();
  try {
    World world(std::move(endpoint));
    const auto fail = [&](const std::string& what) {
      first.take(std::current_exception());
      world.endpoint().fail(fmt::format("rank {} failed: {}", rank, what));
    };
    try {
      work(world);
    } catch (const std::exception& error) {
      fail(error.what());
    } catch (...) {
      fail("an unknown exception");
    }
  } catch (...) {
    first.take(std::current_exception());
  }
}

}  // namespace

World::World(std::unique_ptr<Endpoint> endpoint) : endpoint_(std::move(endpoint)) {
  const std::string own = own_host();
  std::vector<std::string> hosts;
  for (const Payload& name : all_gather(*endpoint_, Payload::of(std::vector<char>(own.begin(), own.end()))))
    hosts.emplace_back(name.as<char>().data(), name.size());
  for (int rank = 0; rank < endpoint_->rank(); ++rank) local_rank_ += hosts[static_cast<std::size_t>(rank)] == own;
  endpoint_->set_hosts(std::move(hosts));
}
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;
World::~World() = default;

World World::of_mpi(double deadline_seconds) {
  return World(std::make_unique<Endpoint>(make_mpi_transport(), EndpointOptions{deadline_seconds}));
}

World World::of_communicator(const void* mpi_comm, double deadline_seconds) {
  return World(std::make_unique<Endpoint>(make_mpi_transport(mpi_comm), EndpointOptions{deadline_seconds}));
}

namespace {

/// The ranks of this process: each a thread, that of rank 0 the caller's. `world` has their transports, and is told where their threads begin and end.
template <class Ranks>
void run_threads(int ranks, Ranks& world, const std::function<void(World&)>& work, double deadline_seconds) {
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  First first;
  // Written by: the caller, once. Read by: the threads of ranks, before they begin. Order: release and acquire; publishes endpoints.
  std::atomic<int> start{0};  // 1: go; 2: not all threads could be started
  std::vector<std::thread> threads;
  try {
    for (int rank = 0; rank < ranks; ++rank)
      endpoints.push_back(std::make_unique<Endpoint>(world.transport(rank), EndpointOptions{deadline_seconds}));
    for (int rank = 1; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        start.wait(0, std::memory_order_acquire);
        if (start.load(std::memory_order_acquire) != 1) return;
        world.enter(rank);
        live(std::move(endpoints[static_cast<std::size_t>(rank)]), work, first);
        world.leave(rank);
      });
  } catch (const std::system_error& error) {
    start.store(2, std::memory_order_release);
    start.notify_all();
    for (std::thread& thread : threads) thread.join();
    throw Error(fmt::format("cannot start the threads of {} ranks ({}): use fewer ranks", ranks, error.what()));
  }
  start.store(1, std::memory_order_release);
  start.notify_all();
  live(std::move(endpoints[0]), work, first);
  world.leave(0);
  for (std::thread& thread : threads) thread.join();
  first.rethrow();
}

/// All run at once.
struct Freely {
  InprocNetwork& network;
  std::unique_ptr<Transport> transport(int rank) { return network.transport(rank); }
  void enter(int) {}
  void leave(int) {}
};

void check_ranks(int ranks) {
  if (ranks < 1) throw Error(fmt::format("a run cannot have {} ranks: give 1 or more", ranks));
}

}  // namespace

void World::run_inproc(int ranks, const std::function<void(World&)>& work, double deadline_seconds) {
  check_ranks(ranks);
  const auto network = InprocNetwork::make(ranks);
  Freely world{*network};
  run_threads(ranks, world, work, deadline_seconds);
}

void World::run_sim(int ranks, const SimModel& model, std::uint64_t seed, const std::function<void(World&)>& work, double deadline_seconds) {
  check_ranks(ranks);
  const auto world = SimRanks::make(ranks, model, seed);
  run_threads(ranks, *world, work, deadline_seconds);
}

int World::rank() const { return endpoint_->rank(); }
int World::size() const { return endpoint_->size(); }
int World::local_rank() const { return local_rank_; }
std::string World::host() const { return own_host(); }
std::string World::transport() const { return endpoint_->transport_name(); }

void World::fail(const std::string& reason) { endpoint_->fail(reason); }
int World::speaker() const { return endpoint_->speaker(); }

void World::abort(int status) {
  endpoint_->fail("a rank has ended the run");  // first: its communication thread must not be in the MPI library meanwhile
  endpoint_->run([] {});
  endpoint_->transport().abort(status);
  std::terminate();
}

}  // namespace sounder::mpi
