// Versions: a reader never sees one that is half written.
#include <atomic>
#include <memory>

#include <doctest/doctest.h>

#include "support.hpp"
#include "versions.hpp"

using namespace sounder;
using namespace sounder::test;
using shm::Versions;

namespace {

constexpr std::size_t kRows = 4096;

/// Every step adds 1 to all cells: whoever sees two that differ has read in the middle of an update.
struct AllAtOnce {
  static constexpr Table<1, 0> weights{};
  std::atomic<std::uint64_t>* torn = nullptr;
  Layout layout(const Dataset&) const { return Layout{{.rows = kRows, .width = 1}}; }
  template <class V>
  void step(V& view, const Example&) const {
    const float first = view.read(weights, 0);
    std::uint64_t others = 0;
    for (std::uint32_t row = 0; row < kRows; ++row) others += view.read(weights, row) != first;
    *torn += others;
    for (std::uint32_t row = 0; row < kRows; ++row) view.descend(weights, row, view.read(weights, row), 0.f, -1.f);
  }
  template <class V>
  double loss(V&, const Example&) const {
    return 1;
  }
  template <class V>
  double predict(V&, const Example&) const {
    return 0;
  }
  template <class F>
  void touches(const Example&, F f) const {
    for (std::uint32_t row = 0; row < kRows; ++row) f(0, row);
  }
};

std::uint64_t torn_reads(Mode mode) {
  const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(scaled(2000, 300), {0}));
  std::atomic<std::uint64_t> torn{0};
  const Kernel kernel = make_kernel(AllAtOnce{.torn = &torn}, data, "all at once");
  Options options = options_for(mode, 1, 3);
  options.step = 1;
  options.batch = 1;
  const Result result = train(kernel, data, options);
  if (mode == Mode::snapshot) CHECK(result.parameters.row(0, kRows - 1)[0] == static_cast<float>(data.size()));
  return torn;
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("snapshot: no gathered read is torn, and no update is lost") { CHECK(torn_reads(Mode::snapshot) == 0); }

  TEST_CASE("negative control: hogwild's reads are torn") {
    std::uint64_t torn = 0;
    for (int attempt = 0; attempt < 50 && torn == 0; ++attempt) torn = torn_reads(Mode::hogwild);
    CHECK(torn > 0);
  }

  TEST_CASE("versions: what is held stays as it is, and a lost race changes nothing") {
    Versions versions(kPageFloats, 2);
    Versions::Version& old = versions.acquire();
    Versions::Version& mine = versions.claim();
    Versions::Version& others = versions.claim();
    CHECK(&mine != &old);
    CHECK(&others != &mine);
    mine.memory.data()[0] = 1;
    others.memory.data()[0] = 2;
    CHECK(versions.publish(old, others));
    CHECK_FALSE(versions.publish(old, mine));  // it was made from what is no more the newest
    CHECK(old.memory.data()[0] == 0);
    Versions::Version& newest = versions.acquire();
    CHECK(&newest == &others);
    CHECK(newest.memory.data()[0] == 2);
    CHECK(versions.publish(newest, mine));
    versions.release(newest);
    for (int i = 0; i < 10; ++i) {  // `old` is held: it is never given out for writing
      Versions::Version &base = versions.acquire(), &next = versions.claim();
      CHECK(&next != &old);
      CHECK(versions.publish(base, next));
      versions.release(base);
    }
    versions.release(old);
  }

  TEST_CASE("mutant: a version that is published before it has been written is seen") {
    Versions versions(kPageFloats, 2);
    const auto publish = [&](bool writes_first) {
      Versions::Version &base = versions.acquire(), &next = versions.claim();
      const float value = base.memory.data()[0] + 1;
      const auto write = [&](std::size_t begin, std::size_t end) { std::fill(next.memory.data() + begin, next.memory.data() + end, value); };
      write(0, writes_first ? kPageFloats : kPageFloats / 2);
      CHECK(versions.publish(base, next));
      versions.release(base);
      Versions::Version& seen = versions.acquire();  // a reader, at this moment
      const float* const cells = seen.memory.data();
      const bool torn = std::any_of(cells, cells + kPageFloats, [&](float cell) { return cell != cells[0]; });
      versions.release(seen);
      return torn;
    };
    for (int i = 0; i < 7; ++i) CHECK_FALSE(publish(true));
    CHECK(publish(false));
  }
}
