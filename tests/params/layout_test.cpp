// Layout and Memory: where the tables lie, and in which memory.
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <sounder/error.hpp>
#include <sounder/params/parameters.hpp>

using namespace sounder;

TEST_SUITE("params") {
  TEST_CASE("layout: tables begin on pages and do not overlap") {
    for (const int states : {0, 1, 2}) {
      const Layout layout({{.rows = 1000, .width = 1, .space = 0},
                           {.rows = 0, .width = 16, .space = 1},
                           {.rows = 1025, .width = 1, .space = 0},
                           {.rows = 333, .width = 48, .space = 1}},
                          states);
      REQUIRE(layout.tables() == 4);
      std::size_t end = 0;
      for (std::size_t table = 0; table < 4; ++table) {
        CAPTURE(states);
        CAPTURE(table);
        CHECK(layout.offset(table) % kPageFloats == 0);
        CHECK(layout.offset(table) >= end);
        const std::size_t floats = static_cast<std::size_t>(1 + states);
        const std::size_t width = static_cast<std::size_t>(layout.shape(table).width);
        CHECK(layout.stride(table) == (width == 1 ? std::bit_ceil(floats) : width * floats));
        end = layout.offset(table) + layout.shape(table).rows * layout.stride(table);
      }
      CHECK(layout.floats() >= end);
      CHECK(layout.floats() < end + kPageFloats);
      CHECK(layout.floats() % kPageFloats == 0);
    }
    CHECK(Layout().floats() == 0);
    CHECK(Layout().tables() == 0);
  }

  TEST_CASE("parameters: rows lie where cells() says, in every kind of memory, all zero") {
    const Layout layout({{.rows = 700, .width = 1, .space = 0}, {.rows = 90, .width = 32, .space = 1}}, 1);
    for (const MemoryKind kind : {MemoryKind::heap, MemoryKind::shareable}) {
      Parameters parameters(layout, kind);
      CHECK(reinterpret_cast<std::uintptr_t>(parameters.memory().data()) % 4096 == 0);
      CHECK(parameters.memory().floats() == layout.floats());
      std::size_t nonzero = 0;
      for (std::size_t i = 0; i < layout.floats(); ++i) nonzero += parameters.memory().data()[i] != 0;
      CHECK(nonzero == 0);

      const Cells cells = parameters.cells();
      for (std::size_t table = 0; table < 2; ++table) {
        CHECK(cells.read[table] == cells.write[table]);
        for (const std::size_t row : {std::size_t{0}, std::size_t{1}, layout.shape(table).rows - 1}) {
          CHECK(parameters.row(table, row).data() == cells.read[table] + row * layout.stride(table));
          CHECK(parameters.row(table, row).size() == static_cast<std::size_t>(layout.shape(table).width));
        }
      }
      CHECK(cells.read[2] == nullptr);
      float* elsewhere = parameters.memory().data() + 4096;
      CHECK(parameters.cells(elsewhere).write[1] == elsewhere + layout.offset(1));
    }
  }

  TEST_CASE("memory: shareable is a file that another mapping sees, heap is none") {
    const Memory heap(kPageFloats, MemoryKind::heap);
    CHECK(heap.file() == -1);
    const Memory memory(3 * kPageFloats, MemoryKind::shareable);
    REQUIRE(memory.file() >= 0);
    memory.data()[kPageFloats + 7] = 5;
    void* other = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.file(), 4096);
    REQUIRE(other != MAP_FAILED);
    auto* cells = static_cast<volatile float*>(other);
    CHECK(cells[7] == 5);
    memory.data()[kPageFloats + 8] = 6;
    CHECK(cells[8] == 6);
    cells[9] = 7;
    CHECK(memory.data()[kPageFloats + 9] == 7);
    munmap(other, 4096);
  }

  TEST_CASE("memory: moves leave nothing behind, and nothing at all is fine") {
    Memory a(kPageFloats, MemoryKind::shareable);
    a.data()[3] = 1;
    float* const data = a.data();
    Memory b(std::move(a));
    CHECK(a.data() == nullptr);
    CHECK(a.file() == -1);
    CHECK(b.data() == data);
    Memory c(kPageFloats, MemoryKind::heap);
    c = std::move(b);
    CHECK(c.data() == data);
    CHECK(c.data()[3] == 1);
    const Memory none(0, MemoryKind::heap);
    CHECK(none.data() == nullptr);
    CHECK(none.floats() == 0);
  }

  TEST_CASE("memory: more than there is is an Error that says how much") {
    for (const MemoryKind kind : {MemoryKind::heap, MemoryKind::shareable})
      CHECK_THROWS_WITH_AS(Memory(std::size_t{1} << 60, kind), doctest::Contains("MiB of parameters"), Error);
  }
}
