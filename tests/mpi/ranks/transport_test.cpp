// Frames over the MPI library.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "collectives.hpp"
#include "endpoint.hpp"
#include "ranks.hpp"
#include "transport/mpi.hpp"

using namespace sounder::mpi;
using sounder::test::world;

namespace {

/// Words that say where they come from.
std::vector<std::uint64_t> words(std::size_t size, std::uint64_t seed) {
  std::vector<std::uint64_t> words(size);
  std::iota(words.begin(), words.end(), seed << 40);
  return words;
}

bool intact(const Payload& payload, std::size_t size, std::uint64_t seed) {
  const auto words = payload.as<std::uint64_t>();
  if (words.size() != size) return false;
  for (std::size_t i = 0; i < size; ++i)
    if (words[i] != (seed << 40) + i) return false;
  return true;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("collectives work over MPI") {
    Endpoint& endpoint = world().endpoint();
    for (int repeat = 0; repeat < 100; ++repeat) {
      barrier(endpoint);
      const std::vector<double> mine{1, static_cast<double>(world().rank())};
      const std::vector<double> sum = all_sum(endpoint, std::span<const double>(mine));
      REQUIRE(sum[0] == world().size());
      REQUIRE(sum[1] == world().size() * (world().size() - 1) / 2);
      const int root = repeat % world().size();
      REQUIRE(broadcast(endpoint, root, Payload::of(std::vector<int>{world().rank()})).as<int>()[0] == root);
    }
    CHECK(world().transport().find("MPI") != std::string::npos);
    CHECK(world().local_rank() == world().rank());
  }

  TEST_CASE("64 MiB arrive whole, in all directions at once, and as they were sent to the own rank") {
    Endpoint& endpoint = world().endpoint();
    const std::size_t size = (std::size_t{64} << 20) / 8;
    const auto me = static_cast<std::uint64_t>(world().rank());
    const std::uint64_t tag = endpoint.next_tag();
    const Payload payload = Payload::of(words(size, me + 1));
    for (int to = 0; to < world().size(); ++to) endpoint.send(to, Header{.kind = Kind::mail, .channel = Channel::bulk, .tag = tag}, payload);
    for (int from = 0; from < world().size(); ++from) {
      const Payload arrived = endpoint.receive(from, Kind::mail, tag).payload;
      CHECK(intact(arrived, size, static_cast<std::uint64_t>(from) + 1));
      CHECK((arrived.bytes().data() == payload.bytes().data()) == (from == world().rank()));
    }
    barrier(endpoint);
  }

  TEST_CASE("a small frame does not overtake a large one of its channel") {
    Endpoint& endpoint = world().endpoint();
    constexpr std::uint64_t kFrames = 80;
    const std::vector<std::size_t> sizes{0, 1, 100, 2048, 2049, 100'000, 3, 1'000'000};  // words; 2048 are the last that ride with the header
    std::vector<std::uint64_t> next(static_cast<std::size_t>(world().size() * kChannels));
    int disorder = 0, broken = 0;
    std::uint64_t seen = 0;
    Signal all;
    endpoint.handle(Kind::push, [&](const Frame& frame) {
      const Header& header = frame.header;
      std::uint64_t& expected = next[static_cast<std::size_t>(header.source * kChannels) + static_cast<std::size_t>(header.channel)];
      disorder += header.sequence != expected++;
      broken += !intact(frame.payload, sizes[header.sequence % sizes.size()], header.sequence);
      if (++seen == kFrames * 2 * static_cast<std::uint64_t>(world().size())) all.set();
    });
    barrier(endpoint);
    for (std::uint64_t i = 0; i < kFrames; ++i)
      for (const Channel channel : {Channel::bulk, Channel::control}) {
        const Payload payload = Payload::of(words(sizes[i % sizes.size()], i));
        for (int to = 0; to < world().size(); ++to) endpoint.send(to, Header{.kind = Kind::push, .channel = channel, .sequence = i}, payload);
        if (i % 8 == 7) endpoint.run([] {});
      }
    endpoint.wait(all, {.what = "all frames", .clock = 0, .on = {}});
    endpoint.ignore(Kind::push);
    CHECK(disorder == 0);
    CHECK(broken == 0);
    barrier(endpoint);
  }

  TEST_CASE("10,000 small frames from all to all arrive once each") {
    Endpoint& endpoint = world().endpoint();
    constexpr std::uint64_t kFrames = 10'000;
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(world().size()));
    std::uint64_t seen = 0;
    Signal all;
    endpoint.handle(Kind::push, [&](const Frame& frame) {
      sums[static_cast<std::size_t>(frame.header.source)] += frame.payload.as<std::uint64_t>()[0];
      if (++seen == kFrames * static_cast<std::uint64_t>(world().size())) all.set();
    });
    barrier(endpoint);
    for (std::uint64_t i = 0; i < kFrames; ++i)
      for (int to = 0; to < world().size(); ++to)
        endpoint.send(to, Header{.kind = Kind::push, .channel = Channel::bulk}, Payload::of(std::vector<std::uint64_t>{i, i, i}));
    endpoint.wait(all, {.what = "all frames", .clock = 0, .on = {}});
    endpoint.ignore(Kind::push);
    for (const std::uint64_t sum : sums) CHECK(sum == kFrames * (kFrames - 1) / 2);
    barrier(endpoint);
  }

  TEST_CASE("a reduction of the library runs on the communication thread, on a communicator of its own") {
    Endpoint& endpoint = world().endpoint();
    auto* const library = dynamic_cast<MpiTransport*>(&endpoint.transport());
    REQUIRE(library != nullptr);
    std::vector<float> mine(100'000, static_cast<float>(world().rank() + 1)), sum(mine.size());
    MPI_Request request = MPI_REQUEST_NULL;
    bool begun = false;
    endpoint.poll(
        [&] {
          if (!begun)
            MPI_Iallreduce(mine.data(), sum.data(), static_cast<int>(sum.size()), MPI_FLOAT, MPI_SUM, library->communicator(), &request);
          begun = true;
          int done = 0;
          MPI_Test(&request, &done, MPI_STATUS_IGNORE);
          return done != 0;
        },
        {.what = "a reduction", .clock = 0, .on = {}});
    CHECK(sum.front() == static_cast<float>(world().size() * (world().size() + 1) / 2));
    CHECK(sum.back() == sum.front());
  }

  TEST_CASE("handles of the library are counted while they are open") {
    CHECK(open_mpi_handles() >= 3);  // the communicators; main finds none left when the world has ended
  }
}
