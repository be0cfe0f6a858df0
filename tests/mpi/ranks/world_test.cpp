// How a program becomes a rank.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/communicator.hpp>

#include "collectives.hpp"
#include "hello.hpp"
#include "ranks.hpp"
#include "transport/mpi.hpp"

using namespace sounder::mpi;
using sounder::test::world;

namespace {

/// While a World lives no other thread may call MPI at the level that it asks for; on its communication thread the program may.
template <class F>
void with_mpi(F work) {
  world().endpoint().run(work);
}

constexpr int kOfWorld = 3;  ///< communicators: what the World holds as long as it lives

/// Waits until the World's own sends are through, which count too. False: after a minute more is still open than what it keeps.
bool only_world_is_open() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (open_mpi_handles() > kOfWorld) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("ranks over MPI compare their facts, and all complain alike") {
    CHECK_NOTHROW(check_same(world().endpoint(), {{"--batch", "64"}}));
    if (world().size() == 1) return;
    std::string told;
    try {
      check_same(world().endpoint(), {{"--batch", world().rank() == 0 ? "64" : "128"}});
    } catch (const sounder::Error& error) {
      told = error.what();
    }
    CHECK(told.starts_with("--batch is not the same on all ranks: 128 on rank"));
    CHECK(told.find("64 on rank 0;") != std::string::npos);
  }

  TEST_CASE("threads that wait help where the ranks have a core each, and nowhere else") {
    const bool helps = world().endpoint().transport().wants_help();
    if (world().size() == 1) CHECK(helps);  // it may use one at least
    if (world().size() > sysconf(_SC_NPROCESSORS_ONLN)) CHECK_FALSE(helps);
    int helping = 0;  // on all or on none: they are on one machine
    for (const Payload& each : all_gather(world().endpoint(), Payload::of(std::vector<int>{helps}))) helping += each.as<int>()[0];
    CHECK((helping == 0 || helping == world().size()));
  }

  TEST_CASE("a transport over a communicator of the program has its ranks, carries frames, and frees what it took") {
    barrier(world().endpoint());
    CHECK(only_world_is_open());
    with_mpi([&] {
      // Ranks in reverse order, so that they cannot be mistaken for those of the world.
      MPI_Comm reversed = MPI_COMM_NULL;
      MPI_Comm_split(MPI_COMM_WORLD, 0, -world().rank(), &reversed);
      {
        const auto transport = make_mpi_transport(&reversed);
        CHECK(transport->rank() == world().size() - 1 - world().rank());
        CHECK(transport->size() == world().size());
        const int next = (transport->rank() + 1) % transport->size();
        transport->send(next, {Header{.kind = Kind::push, .source = transport->rank(), .tag = 9}, {}});
        std::optional<Frame> frame;
        while (!(frame = transport->receive())) transport->sleep(0);
        CHECK(frame->header.source == (transport->rank() + transport->size() - 1) % transport->size());
        CHECK(frame->header.tag == 9);
        while (!transport->flushed()) transport->sleep(0);
        CHECK(open_mpi_handles() > kOfWorld);
      }
      MPI_Comm_free(&reversed);
    });
    CHECK(only_world_is_open());
    barrier(world().endpoint());
  }
}
