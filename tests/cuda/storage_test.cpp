// Rows of 16 bits on the emulated device: they train as well as floats, and the exchange with a master of floats loses nothing on average.
#include <doctest/doctest.h>

#include <numeric>
#include <thread>

#include <sounder/error.hpp>
#include <sounder/model/mf.hpp>
#include <sounder/train/evaluate.hpp>

#include "hybrid.hpp"
#include "kernels/group_view.hpp"
#include "kernels/sim_exchange.hpp"
#include "mirror.hpp"
#include "storage.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr StorageName kBoth[] = {StorageName::bf16, StorageName::f16};
constexpr int kWidth = 32;

/// The controls: the nearest cell, always.
struct NearestDraws {
  std::uint32_t bits(std::uint32_t) const { return 0x80008000u; }
  void next() {}
};
struct Nearest {
  static std::uint16_t rounded(StorageName storage, float value, std::uint32_t, std::uint32_t) { return narrowed(storage, value, 0x8000); }
};

/// Epochs of one worker on rows of 16 bits; what it leaves, as floats.
template <class Random, class F>
Parameters trained_narrow(const Kernel& kernel, const Dataset& data, StorageName storage, bool adds, int epochs, float rate, F random_of) {
  using Model = MatrixFactorization<kWidth>;
  Parameters parameters(kernel.layout);
  kernel.initialize(parameters, 1);
  float* const floats = parameters.memory().data();
  const std::size_t intercept = kernel.layout.offset(2);
  std::vector<std::uint16_t> rows(intercept);
  for (std::size_t i = 0; i < intercept; ++i) rows[i] = narrowed(storage, floats[i], 0x8000);
  Cells cells;
  cells.write[0] = reinterpret_cast<float*>(rows.data());
  cells.write[1] = reinterpret_cast<float*>(rows.data() + kernel.layout.offset(1));
  cells.write[2] = floats + intercept;
  std::copy_n(cells.write, kMaxTables, cells.read);
  std::vector<std::uint32_t> order(data.size() / 128 + 1);
  std::iota(order.begin(), order.end(), 0u);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    cuda::GroupView<cuda::SimNarrowAccess<Random>, cuda::SimLanes<kWidth / 4>> view(
        {.rate = rate, .storage = storage, .adds = adds, .random = random_of(static_cast<std::uint32_t>(epoch))}, cells);
    const cuda::Segment segment{.cells = cells, .examples = data.examples(), .order = order.data(), .chunks = order.size(), .per_chunk = 128};
    cuda::step_on_pieces(*static_cast<const Model*>(kernel.model.get()), view, segment, 0);
  }
  for (std::size_t i = 0; i < intercept; ++i) floats[i] = widened(storage, rows[i]);
  return parameters;
}

/// A mirror of one row of 16 bits by its rules alone, so that a test can break them.
template <class Rounding>
struct BareMirror {
  explicit BareMirror(StorageName storage, float value) : master(kCells, value), mirror(kCells), left(kCells), blocks(kCells / kBlockFloats), storage(storage) {
    cuda::play_refresh<Rounding>(exchanged());
  }
  cuda::Exchanged exchanged() {
    return {.master = master.data(), .mirror = reinterpret_cast<float*>(mirror.data()), .blocks = blocks.data(), .first = 0, .last = blocks.size(),
            .rule = MergeRule::sum, .storage = storage, .left = left.data(), .seed = ++exchanges};
  }
  void reconcile() { cuda::play_reconcile<Rounding>(exchanged()); }
  static double mean_of(double sum) { return sum / kCells; }
  double mean_of_master() const { return mean_of(std::accumulate(master.begin(), master.end(), 0.)); }
  double mean_of_mirror() const {
    return mean_of(std::accumulate(mirror.begin(), mirror.end(), 0., [&](double sum, std::uint16_t cell) { return sum + static_cast<double>(widened(storage, cell)); }));
  }

  static constexpr std::size_t kCells = 4096;
  std::vector<float> master;
  std::vector<std::uint16_t> mirror, left;
  std::vector<GuardedSumBlock> blocks;
  StorageName storage;
  std::uint32_t exchanges = 0;
};

/// What a step of the last bit of 1 is worth.
float ulp_of(StorageName storage) { return storage == StorageName::bf16 ? 0x1p-7f : 0x1p-10f; }

/// In turn the CPU moves all cells by 1/50 of the last bit, and the GPU by whole bits, up and down; the means of both copies, in parts of what
/// all movements add up to.
template <class Rounding>
std::pair<double, double> conserved(StorageName storage) {
  BareMirror<Rounding> both(storage, 1.25f);
  const float bit = ulp_of(storage);
  constexpr int kPeriods = 200;
  double moved = 0;
  for (int period = 0; period < kPeriods; ++period) {
    if (period % 3 != 2)
      for (float& w : both.master) w += bit / 50;
    if (period % 3 != 2) moved += static_cast<double>(bit / 50);
    if (period % 3 != 0)
      for (std::uint16_t& cell : both.mirror) cell = static_cast<std::uint16_t>(period % 2 ? cell + 3 : cell - 3);  // neighbours of 1.25 are a bit apart
    if (period % 3 != 0) moved += static_cast<double>(period % 2 ? 3 * bit : -3 * bit);
    both.reconcile();
  }
  return {(both.mean_of_master() - 1.25) / moved, (both.mean_of_mirror() - 1.25) / moved};
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("storage: rows of 16 bits end within 0.5 % of floats on ratings; control: rounded to the nearest they stay behind") {
    LoadOptions load_options{.format = Format::ratings};
    const Dataset data = Dataset::train(load("builtin:ratings", load_options), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .l2 = 0.02, .factors = kWidth}, data);
    const auto backend = shm::make_backend(options_for(Mode::serial, 1));
    const int epochs = static_cast<int>(scaled(4, 1));
    const float rate = 0.001f;
    const auto loss_of = [&](const Parameters& parameters) { return evaluate(kernel, parameters, data, backend->team()).loss; };
    Parameters floats(kernel.layout);
    kernel.initialize(floats, 1);
    StepContext context{.cells = floats.cells(), .rate = rate};
    for (int epoch = 0; epoch < epochs; ++epoch) kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), 0, data.size());
    const double reference = loss_of(floats);
    for (const StorageName storage : kBoth)
      for (const bool adds : {false, true}) {
        CAPTURE(std::string(name_of(cuda::kStorages, storage)));
        CAPTURE(adds);
        const double at_random = loss_of(trained_narrow<Draws>(kernel, data, storage, adds, epochs, rate, [](std::uint32_t epoch) { return Draws::of(epoch, 0); }));
        const double to_nearest = loss_of(trained_narrow<NearestDraws>(kernel, data, storage, adds, epochs, rate, [](std::uint32_t) { return NearestDraws{}; }));
        CHECK(at_random < 1.005 * reference);
        if (storage == StorageName::bf16 && !kThreadSanitizer) CHECK(to_nearest > 1.005 * reference);
      }
  }

  TEST_CASE("storage: of two workers that step from the same row of 16 bits, `red` keeps both steps; control: `racy` keeps one") {
    using Lanes = cuda::Pack<8>;
    for (const StorageName storage : kBoth)
      for (const bool adds : {false, true}) {
        // Steps of 1.5 bits, up and down, on 8 cells of 512 rows: the halves are rounded at random. Cells from 1.25 on are a bit apart.
        const float bit = ulp_of(storage);
        double moved = 0;
        std::uint16_t least = 0xffff;
        for (std::uint32_t row = 0; row < 512; ++row) {
          std::uint16_t cells[8];
          for (std::uint16_t& cell : cells) cell = narrowed(storage, 1.25f, 0);
          const std::uint16_t before = cells[0];
          Lanes direction;
          for (float& x : direction.v) x = -1.5f * bit;
          cuda::SimNarrowAccess<> first{.rate = 1, .storage = storage, .adds = adds, .random = Draws::of(row, 0)};
          cuda::SimNarrowAccess<> second{.rate = 1, .storage = storage, .adds = adds, .random = Draws::of(row, 1)};
          const Lanes read = first.get<Lanes>(cells);
          first.move(cells, read, 0, 1, direction);
          second.move(cells, read, 0, 1, direction);
          for (const std::uint16_t cell : cells) moved += static_cast<double>(cell - before) / (512 * 8), least = std::min(least, static_cast<std::uint16_t>(cell - before));
        }
        CHECK(moved == doctest::Approx(adds ? 3 : 1.5).epsilon(0.03));
        CHECK(least == (adds ? 2 : 1));
      }
  }

  TEST_CASE("storage: threads that add to the same cell of 16 bits lose nothing") {
    constexpr int kThreads = 4, kAdds = 30, kRounds = 300;
    for (const StorageName storage : kBoth) {
      // Up to 256 both hold whole numbers, so that every sum is exact.
      std::vector<std::uint16_t> cells(kRounds, narrowed(storage, 128.f, 0));
      const std::uint16_t one = narrowed(storage, 1.f, 0);
      std::vector<std::thread> threads;
      for (int thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&] {
          for (std::uint16_t& cell : cells)
            for (int i = 0; i < kAdds; ++i) shared_half::add(storage, &cell, one);
        });
      for (std::thread& thread : threads) thread.join();
      for (const std::uint16_t cell : cells) CHECK(widened(storage, cell) == 128 + kThreads * kAdds);
    }
  }

  TEST_CASE("storage: a mirror of 16 bits keeps what one side moves exactly, and both hold the same up to its last bit") {
    const auto device = cuda::make_emulated_device();
    for (const StorageName storage : kBoth)
      for (const MergeRule rule : {MergeRule::guarded, MergeRule::sum, MergeRule::mean}) {
        Parameters master(Layout{{.rows = 300, .width = 16}, {.rows = 1, .width = 1}});  // rows, and an intercept, which stays a float
        float* const on_host = master.memory().data();
        float* const intercept = on_host + master.layout().offset(1);
        cuda::Mirror mirror(*device, master, rule, {}, storage);
        for (std::size_t i = 0; i < 4800; ++i) on_host[i] = 1 + 0.001f * static_cast<float>(i % 997);
        *intercept = 3.14159f;
        mirror.refresh();
        auto* const on_device = reinterpret_cast<std::uint16_t*>(mirror.cells().write[0]);
        CHECK(*mirror.cells().write[1] == 3.14159f);
        const auto value = [&](std::size_t i) { return widened(storage, on_device[i]); };
        const std::vector<float> before(on_host, on_host + 4800);
        const std::vector<std::uint16_t> there(on_device, on_device + 4800);
        mirror.reconcile(0.5f);  // nobody has moved: nothing is rounded anew
        bool still = true;
        for (std::size_t i = 0; i < 4800; ++i) still &= on_host[i] == before[i] && on_device[i] == there[i];
        CHECK(still);
        // Blocks in turn: the GPU's, the CPU's, nobody's.
        for (std::size_t i = 0; i < 4800; ++i) {
          if (i / kBlockFloats % 3 == 0) on_device[i] = static_cast<std::uint16_t>(on_device[i] + 1 + i % 5);
          if (i / kBlockFloats % 3 == 1) on_host[i] += 1e-4f;
        }
        *mirror.cells().write[1] += 1;
        const std::vector<float> moved(on_host, on_host + 4800);
        const std::vector<std::uint16_t> moved_there(on_device, on_device + 4800);
        mirror.reconcile(0.5f);
        bool exact = *intercept == 4.14159f, near = true;
        for (std::size_t i = 0; i < 4800; ++i) {
          const std::size_t who = i / kBlockFloats % 3;
          exact &= on_host[i] == (who == 0 ? widened(storage, moved_there[i]) : moved[i]);
          if (who != 1) exact &= on_device[i] == moved_there[i];
          near &= std::abs(value(i) - on_host[i]) < 2 * ulp_of(storage);
        }
        CHECK(exact);
        CHECK(near);
      }
  }

  TEST_CASE("storage: movements of both sides add up on average, those below the last bit too; control: to the nearest they drift") {
    for (const StorageName storage : kBoth) {
      const auto [master, mirror] = conserved<cuda::AtRandom>(storage);
      CHECK(master == doctest::Approx(1).epsilon(0.02));
      CHECK(mirror == doctest::Approx(1).epsilon(0.02));
      const auto [lost, lost_there] = conserved<Nearest>(storage);
      CHECK(std::abs(lost - 1) > 0.05);
    }
  }

  TEST_CASE("storage: where both moved a cell of 16 bits, the master gets the exact sum") {
    for (const StorageName storage : kBoth) {
      BareMirror<cuda::AtRandom> both(storage, 1.2345f);
      std::vector<float> expected;
      for (std::size_t i = 0; i < both.kCells; ++i) {
        const float before = widened(storage, both.mirror[i]);
        both.mirror[i] = static_cast<std::uint16_t>(both.mirror[i] + 2);
        both.master[i] += 1e-5f;
        expected.push_back(both.master[i] + (widened(storage, both.mirror[i]) - before));
      }
      both.reconcile();
      bool same = true;
      for (std::size_t i = 0; i < both.kCells; ++i) same &= std::abs(both.master[i] - expected[i]) <= 0x1p-22f && std::abs(widened(storage, both.mirror[i]) - both.master[i]) < ulp_of(storage) && both.mirror[i] == both.left[i];
      CHECK(same);
    }
  }

  TEST_CASE("storage: modes gpu and hybrid train rows of 16 bits, and each example is seen once") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .l2 = 1e-2, .factors = kWidth}, data);
    Options options = options_for(Mode::serial, static_cast<int>(scaled(20, 2)), 2);
    const double serial = train(kernel, data, options).curve.back().train_loss;
    options.mode = Mode::hogwild;
    for (const StorageName storage : kBoth)
      for (const cuda::GpuMode mode : {cuda::GpuMode::gpu, cuda::GpuMode::hybrid}) {
        CAPTURE(std::string(name_of(cuda::kStorages, storage)));
        CAPTURE(std::string(name_of(cuda::kGpuModes, mode)));
        const auto backend = cuda::make_hybrid({.mode = mode, .storage = storage, .gpu_streams = 2, .sync_ms = 0.5}, cuda::make_emulated_device(), shm::make_backend(options));
        const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
        // How often both sides come together within a few milliseconds of training is up to the machine.
        CHECK(result.curve.back().train_loss < (kThreadSanitizer ? 1.3 : mode == cuda::GpuMode::gpu ? 1.03 : 1.1) * serial);
        CHECK(result.telemetry.examples() + result.telemetry.gpu_updates.value_or(0) == data.size() * static_cast<std::uint64_t>(options.epochs));
      }
  }

  TEST_CASE("storage: what has no copy of its own, no kernel or no such add is refused, with what to give instead") {
    const Dataset data = small_set(ModelName::mf), binary = small_set(ModelName::logistic);
    const auto refused = [&](const Dataset& set, const ModelOptions& model, const cuda::GpuOptions& gpu) {
      const Kernel kernel = builtin_kernel(model, set);
      try {
        cuda::check(gpu, cuda::DeviceName::emu, kernel, *shm::make_backend(options_for(Mode::hogwild, 1)));
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    using enum cuda::PlacementName;
    const ModelOptions mf{.model = ModelName::mf};
    for (const cuda::PlacementName placement : {host, pinned, managed})
      for (const cuda::GpuMode mode : {cuda::GpuMode::gpu, cuda::GpuMode::hybrid})
        CHECK(refused(data, mf, {.mode = mode, .placement = placement, .storage = StorageName::bf16}).find("give --placement mirror") != std::string::npos);
    for (const cuda::PlacementName placement : {automatic, mirror, device})
      CHECK(refused(data, mf, {.mode = cuda::GpuMode::gpu, .placement = placement, .storage = StorageName::f16}).empty());
    const cuda::Caps coherent{.name = "a card", .free_bytes = std::size_t{1} << 33, .concurrent_managed_access = true, .host_native_atomics = true, .direct_managed_access = true};
    CHECK(cuda::plan_of({}, coherent, 1 << 20).placement == device);
    CHECK(cuda::plan_of({.storage = StorageName::bf16}, coherent, 1 << 20).placement == mirror);
    CHECK_THROWS_AS(cuda::plan_of({.placement = device, .storage = StorageName::bf16}, coherent, 1 << 20), Error);
    CHECK(refused(data, mf, {.update = cuda::UpdateName::red_sys, .storage = StorageName::bf16}).find("give --update red") != std::string::npos);
    CHECK(refused(data, {.model = ModelName::mf, .factors = 16}, {.storage = StorageName::bf16}).find("--factors 17 to 128") != std::string::npos);
    CHECK(refused(binary, {}, {.storage = StorageName::bf16}).find("--storage bf16 has kernels for --model mf") == 0);
  }
}
