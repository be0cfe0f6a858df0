// Windows over MPI, and rows in them.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "modes/rma.hpp"
#include "mpi/windows.hpp"
#include "ranks.hpp"
#include "transport/mpi.hpp"

using namespace sounder::mpi;
using sounder::test::keeps_all_adds;
using sounder::test::world;

namespace {

/// MPI_Get and MPI_Put, where MPI_Accumulate is right.
class GetPut {
 public:
  GetPut(MPI_Comm communicator, std::span<const float> own, std::size_t counts) : head_(counts * sizeof(std::uint64_t)) {
    std::byte* memory = nullptr;
    MPI_Win_allocate(static_cast<MPI_Aint>(head_ + own.size_bytes()), 1, MPI_INFO_NULL, communicator, &memory, &window_);
    MPI_Win_lock_all(0, window_);
    std::memset(memory, 0, head_);
    std::memcpy(memory + head_, own.data(), own.size_bytes());
    MPI_Win_sync(window_);
  }
  void get(int rank, std::uint64_t first, std::span<float> out) const {
    const auto size = static_cast<int>(out.size());
    MPI_Get(out.data(), size, MPI_FLOAT, rank, at(first), size, MPI_FLOAT, window_);
    MPI_Win_flush(rank, window_);
  }
  void put(int rank, std::uint64_t first, std::span<const float> values) const {
    const auto size = static_cast<int>(values.size());
    MPI_Put(values.data(), size, MPI_FLOAT, rank, at(first), size, MPI_FLOAT, window_);
    MPI_Win_flush(rank, window_);
  }
  void count(int rank, const std::vector<std::uint64_t>& by, std::vector<std::uint64_t>& before) const {
    const auto size = static_cast<int>(by.size());
    MPI_Get_accumulate(by.data(), size, MPI_UINT64_T, before.data(), size, MPI_UINT64_T, rank, 0, size, MPI_UINT64_T, MPI_SUM, window_);
    MPI_Win_flush(rank, window_);
  }
  void got() const {}
  bool may_put() const { return true; }
  void close() {
    MPI_Win_unlock_all(window_);
    MPI_Win_free(&window_);
  }

 private:
  MPI_Aint at(std::uint64_t first) const { return static_cast<MPI_Aint>(head_ + first * sizeof(float)); }
  std::size_t head_;
  MPI_Win window_ = MPI_WIN_NULL;
};

bool any_rank_says_no(bool good) {
  const std::vector<int> no{good ? 0 : 1};
  return all_sum<int>(world().endpoint(), no)[0] > 0;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("over MPI a window loses no add, and a rank reads its own; of several ranks a get and a put instead lose some") {
    CHECK(keeps_all_adds(world().endpoint(), open_window));
    const bool good = keeps_all_adds(world().endpoint(), [](Transport& transport, std::span<const float> own, std::size_t counts) {
      return std::make_unique<sounder::test::LosesAdds<GetPut>>(GetPut(dynamic_cast<MpiTransport&>(transport).communicator(), own, counts));
    });
    CHECK(any_rank_says_no(good) == (world().size() > 1));
  }

  TEST_CASE("over MPI rows in windows are the exact sum of what all ranks add to them") {
    const std::vector<KvTable> tables{{.rows = 5000}, {.rows = 300, .width = 16}, {.rows = 1}};
    constexpr std::size_t kFloats = 5000 + 300 * 16 + 1;
    std::vector<float> sum(kFloats);
    std::iota(sum.begin(), sum.end(), 0.f);
    WindowStore store(world().endpoint(), tables, sum, open_window);
    const auto rank = static_cast<float>(world().rank() + 1), size = static_cast<float>(world().size());
    const std::vector<sounder::mpi::Run> everything{{0, 5000, 0}, {1, 300, 0}, {2, 1, 0}}, rows{{0, 1, 3}, {0, 700, 4000}, {1, 2, 40}, {2, 1, 0}};
    constexpr int kRounds = 20;
    std::vector<float> some(1 + 700 + 32 + 1);
    float own = 0;
    for (int round = 0; round < kRounds; ++round) {
      store.add(everything, std::vector<float>(kFloats, rank));
      store.add(rows, std::vector<float>(some.size(), 2));
      store.pull(rows, some);
      own += rank + 2;
      CHECK(some[0] >= 3 + own);
      CHECK(some.back() >= static_cast<float>(kFloats - 1) + own);
    }
    store.quiesce();
    for (float& value : sum) value += kRounds * size * (size + 1) / 2;
    const auto added = kRounds * 2 * size;
    sum[3] += added;
    for (std::size_t i = 4000; i < 4700; ++i) sum[i] += added;
    for (std::size_t i = 0; i < 32; ++i) sum[5000 + 40 * 16 + i] += added;
    sum.back() += added;
    std::vector<float> all(kFloats), kept(kFloats);
    store.pull(everything, all);
    CHECK(all == sum);
    world().endpoint().run([&] { store.keep(7); });
    store.pull_kept(7, kept);
    CHECK(kept == sum);
    CHECK(store.telemetry().violations == 0);
    CHECK(store.telemetry().reads > kRounds);
    store.close();
  }
}
