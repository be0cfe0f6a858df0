// Payloads that a sender leaves in memory which its receiver sees.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include <mpi.h>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "ranks.hpp"
#include "transport/mpi/shared_memory.hpp"

using namespace sounder::mpi;
using sounder::test::world;

namespace {

std::vector<bool> nobody_far() { return std::vector<bool>(static_cast<std::size_t>(world().size())); }

/// Calls of the library belong to the communication thread.
template <class F>
void on_library(F work) {
  Endpoint& endpoint = world().endpoint();
  barrier(endpoint);
  endpoint.run(work);
  barrier(endpoint);
}

std::vector<std::byte> filled(std::size_t bytes, int with) { return std::vector<std::byte>(bytes, static_cast<std::byte>(with)); }

bool holds(const Payload& payload, std::size_t bytes, int with) {
  return payload.size() == bytes && std::ranges::all_of(payload.bytes(), [=](std::byte byte) { return byte == static_cast<std::byte>(with); });
}

/// Tells the rank on the right where something lies; returns what the left one tells.
std::uint64_t pass_on(std::uint64_t place) {
  const int right = (world().rank() + 1) % world().size(), left = (world().rank() + world().size() - 1) % world().size();
  std::uint64_t theirs = 0;
  MPI_Sendrecv(&place, 1, MPI_UINT64_T, right, 99, &theirs, 1, MPI_UINT64_T, left, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return theirs;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("what a rank leaves for another stays as it is until that one lets go of it") {
    if (world().size() == 1) return;
    std::optional<SharedMemory> memory;
    Payload arrived;
    const int rank = world().rank(), right = (rank + 1) % world().size(), left = (rank + world().size() - 1) % world().size();
    constexpr std::size_t kBytes = 300'000;  // several slots, the last of them in part
    on_library([&] {
      memory.emplace(MPI_COMM_WORLD, nobody_far());
      REQUIRE(memory->reaches(right));
      CHECK_FALSE(memory->reaches(rank));
      const auto place = memory->put(right, filled(kBytes, rank + 1));
      REQUIRE(place.has_value());
      arrived = memory->at(left, pass_on(*place), kBytes);
      CHECK(holds(arrived, kBytes, left + 1));
    });
    on_library([&] {  // others find other slots, until there are none
      int more = 0;
      while (more < 1000 && memory->put(right, filled(kBytes, 100))) ++more;
      CHECK(more == static_cast<int>((SharedMemory::kSlots - 5) / 5));
      CHECK(memory->put(right, filled(SharedMemory::kSlot, 101)).has_value());  // what is left is too short for the others
    });
    on_library([&] { CHECK(holds(arrived, kBytes, left + 1)); });
    const std::byte* const there = arrived.bytes().data();
    on_library([&] { arrived = {}; });
    on_library([&] { CHECK(memory->put(right, filled(kBytes, 102)).has_value()); });
    on_library([&] { CHECK(*there == static_cast<std::byte>(102)); });  // control: the check above would see it
    on_library([&] { memory.reset(); });
  }

  TEST_CASE("what is made where its receiver sees it is not copied, and its memory is free when both have let go") {
    if (world().size() == 1) return;
    const int rank = world().rank(), right = (rank + 1) % world().size(), left = (rank + world().size() - 1) % world().size();
    std::optional<SharedMemory> memory;
    std::shared_ptr<std::byte[]> made;
    Payload arrived;
    std::uint64_t place = 0;
    constexpr std::size_t kBytes = 100'000;
    on_library([&] {
      memory.emplace(MPI_COMM_WORLD, nobody_far());
      made = memory->take(right, kBytes);
      REQUIRE(made);
      std::fill_n(made.get(), kBytes, static_cast<std::byte>(rank + 1));
      place = memory->put(right, {made.get(), kBytes}).value();
      arrived = memory->at(left, pass_on(place), kBytes);
      CHECK(holds(arrived, kBytes, left + 1));
    });
    on_library([&] { made[kBytes - 1] = static_cast<std::byte>(77); });
    on_library([&] { CHECK(arrived.bytes().back() == static_cast<std::byte>(77)); });
    const auto next = [&] { return memory->put(right, filled(kBytes, 5)).value(); };
    on_library([&] { made.reset(); });
    on_library([&] { CHECK(next() != place); });  // the receiver still reads it
    on_library([&] { arrived = {}; });
    on_library([&] { CHECK(next() == place); });
    on_library([&] { memory.reset(); });
  }

  TEST_CASE("a payload outlives the rank's view of the memory; ranks of other machines, and who wants none, do without") {
    if (world().size() == 1) return;
    const int rank = world().rank(), right = (rank + 1) % world().size(), left = (rank + world().size() - 1) % world().size();
    Payload arrived;
    on_library([&] {
      SharedMemory memory(MPI_COMM_WORLD, nobody_far());
      arrived = memory.at(left, pass_on(memory.put(right, filled(20'000, rank + 1)).value()), 20'000);
      CHECK_FALSE(memory.put(right, filled(SharedMemory::kLargest + 1, 0)).has_value());
    });
    CHECK(holds(arrived, 20'000, left + 1));
    on_library([&] {
      SharedMemory far(MPI_COMM_WORLD, std::vector<bool>(static_cast<std::size_t>(world().size()), true));
      CHECK_FALSE(far.put(right, filled(20'000, 0)).has_value());
      setenv("SOUNDER_SHARED_MEMORY", "off", 1);
      SharedMemory off(MPI_COMM_WORLD, nobody_far());
      unsetenv("SOUNDER_SHARED_MEMORY");
      CHECK_FALSE(off.put(right, filled(20'000, 0)).has_value());
      CHECK(off.take(right, 20'000) == nullptr);
    });
  }
}
