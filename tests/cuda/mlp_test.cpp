// Mini-batches of multilayer perceptrons on the emulated device: their gradients are the sums of those of CPU threads, and they train as far.
#include <doctest/doctest.h>

#include <numeric>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>
#include <sounder/model/mlp.hpp>

#include "hybrid.hpp"
#include "kernels/sim_batches.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr std::size_t kChunk = 32;
constexpr float kRate = 1e-4f;

/// What a run of the parts of a batch may get wrong.
enum class Mutant { none, transposed, no_bias, no_mask, twice };
struct MutantBatch {
  cuda::SimBatch real;
  Mutant mutant;
  void part(cuda::Part part) const {
    if (mutant == Mutant::no_mask && part == cuda::Part::mask) return;
    if (mutant == Mutant::no_bias && part == cuda::Part::activate) {
      for (std::size_t i = 0; i < real.batch.elements(part); ++i) real.batch.units[i] = std::max(real.batch.units[i], 0.f);
      return;
    }
    real.part(part);
    if (mutant == Mutant::twice && part == cuda::Part::compare) --real.batch.cursor->next;
  }
  void product(cuda::Product p) const {
    if (mutant == Mutant::transposed && p.b_transposed) p.b_transposed = false;  // of as many units as classes: still a product
    real.product(p);
  }
};

Parameters start_of(const Kernel& kernel) {
  Parameters start(kernel.layout);
  kernel.initialize(start, 3);
  for (float& bias : start.row(1, 0)) bias = 0.3f;
  return start;
}

/// What the single steps of an epoch add up to if each begins at the same parameters.
std::vector<double> changes_of(const Kernel& kernel, const Dataset& data, float rate) {
  const std::vector<float> before = weights_of(start_of(kernel));
  std::vector<double> changes(before.size());
  Parameters one(kernel.layout);
  const Parameters start = start_of(kernel);
  for (std::size_t i = 0; i < data.size(); ++i) {
    std::copy_n(start.memory().data(), kernel.layout.floats(), one.memory().data());
    StepContext context{.cells = one.cells(), .rate = rate};
    kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), i, i + 1);
    const std::vector<float> moved = weights_of(one);
    for (std::size_t j = 0; j < changes.size(); ++j) changes[j] += static_cast<double>(moved[j]) - static_cast<double>(before[j]);
  }
  return changes;
}

/// The largest difference of an epoch of batches from these changes, in parts of the largest of them.
double off(const Kernel& kernel, const Dataset& data, const std::vector<double>& changes, int batch, float rate, Mutant mutant = Mutant::none) {
  const Parameters start = start_of(kernel);
  const std::vector<float> before = weights_of(start);
  cuda::MlpBatch b;
  b.shape = cuda::batch_shape_of(kernel, batch).value();
  b.cells = start.cells();
  const Parameters memory(Layout{{.rows = b.floats(), .width = 1}});  // aligned
  b.place(memory.memory().data());
  std::fill_n(b.ones, b.batch(), 1.f);
  std::vector<std::uint32_t> order((data.size() + kChunk - 1) / kChunk);
  std::iota(order.rbegin(), order.rend(), 0u);
  cuda::BatchCursor cursor{.segment = {.cells = b.cells, .examples = data.examples(), .order = order.data(), .chunks = order.size(), .per_chunk = kChunk, .rate = rate}};
  b.cursor = &cursor;
  for (std::size_t i = 0; i < cuda::batches_of(cursor.segment, b.shape); ++i) cuda::step_on_batch(b, MutantBatch{{b}, mutant});
  const std::vector<float> after = weights_of(start);
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(after[i]) - static_cast<double>(before[i]) - changes[i]));
    largest = std::max(largest, std::abs(changes[i]));
  }
  return difference / largest;
}

/// Images of 20 pixels.
Dataset dense() {
  Columns columns = small_columns(ModelName::mlp, 128);
  columns.ids.clear(), columns.offsets.clear(), columns.values.clear();
  columns.width = 20;
  Random random(5, 0);
  for (std::size_t i = 0; i < 128 * 20; ++i) columns.values.push_back(random.below(3) == 0 ? 0.f : 0.01f * static_cast<float>(random.below(100)));
  return Dataset::train(std::move(columns), 1);
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("mlp: a batch steps by the sum of the gradients of its examples, with a penalty for each; mutants") {
    for (const bool is_dense : {true, false})
      for (const int hidden : {16, 40}) {
        CAPTURE(is_dense);
        CAPTURE(hidden);
        const Dataset data = is_dense ? dense() : Dataset::train(small_columns(ModelName::mlp, 131), 1);
        // Sparse rows would be penalized by their single steps when their examples come, by batches all the time.
        const Kernel kernel = builtin_kernel({.model = ModelName::mlp, .l2 = is_dense ? 0.1 : 0, .hidden = hidden}, data);
        const std::vector<double> changes = changes_of(kernel, data, kRate);
        const auto off_by = [&](int batch, Mutant mutant) { return off(kernel, data, changes, batch, kRate, mutant); };
        CHECK(off_by(is_dense ? 128 : 160, Mutant::none) < 1e-2);  // all in one batch, whose last chunk is short or not
        CHECK(off_by(7, Mutant::none) < 0.1);                      // many batches, of which each moves little
        CHECK(off_by(7, Mutant::twice) > 0.3);   // the first batch again and again
        if (hidden != 16) continue;
        for (const Mutant mutant : {Mutant::transposed, Mutant::no_bias, Mutant::no_mask}) {
          CAPTURE(static_cast<int>(mutant));
          CHECK(off_by(160, mutant) > 1e-2);
        }
      }
  }

  TEST_CASE("mlp: streams of mini-batches, and CPU threads beside them, come down as serial does on images") {
    const Dataset data = Dataset::train(load("builtin:fashion", {.format = Format::multiclass}), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::mlp}, data);
    Options options = options_for(Mode::serial, static_cast<int>(scaled(3, 1)), 2);
    const double serial = train(kernel, data, options).curve.back().train_loss;
    options.mode = Mode::hogwild;
    using enum cuda::GpuMode;
    struct Case {
      cuda::GpuOptions gpu;
      double most;  ///< in parts of what serial comes to; a loss that stays where it begins is 4 times that
    };
    // Sums of gradients and stale reads cost some percent on 3,600 examples. All rows are hot: of what both sides of a mirror do, one half is left out.
    for (const auto& [gpu, most] : {Case{{.mode = gpu}, 1.35}, {{.mode = gpu, .gpu_streams = 1, .batch = 4}, 1.15},
                                    {{.mode = hybrid, .placement = cuda::PlacementName::host}, 1.35}, {{.mode = hybrid}, 2.}}) {
      CAPTURE(std::string(name_of(cuda::kGpuModes, gpu.mode)));
      CAPTURE(gpu.batch);
      const auto backend = cuda::make_hybrid(gpu, cuda::make_emulated_device(), shm::make_backend(options));
      const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
      CHECK(result.curve.back().train_loss < (kThreadSanitizer ? 4 : most) * serial);
      CHECK(result.telemetry.examples() + result.telemetry.gpu_updates.value_or(0) == data.size() * static_cast<std::uint64_t>(options.epochs));
      CHECK(backend->remark().find("mini-batches of " + std::to_string(gpu.batch)) != std::string::npos);
    }
  }

  TEST_CASE("mlp: what mini-batches cannot obey is refused, with what to give instead") {
    const Dataset data = small_set(ModelName::mlp);
    const Kernel kernel = builtin_kernel({.model = ModelName::mlp}, data);
    const auto refused = [&](const cuda::GpuOptions& gpu) {
      try {
        cuda::check(gpu, cuda::DeviceName::emu, kernel, *shm::make_backend(options_for(Mode::hogwild, 1)));
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    CHECK(refused({}).empty());
    CHECK(refused({.update = cuda::UpdateName::racy}).find("give --update red") != std::string::npos);
    CHECK(refused({.update = cuda::UpdateName::red_sys}).find("give --update red") != std::string::npos);
    CHECK(refused({.storage = StorageName::bf16}).find("--storage bf16 has kernels for --model mf") == 0);
    CHECK(refused({.gpu_workers = 4}).find("--gpu-workers does nothing with --model mlp") == 0);
    CHECK(refused({.placement = cuda::PlacementName::split}).find("--placement split") == 0);
    CHECK(refused({.batch = 0}).find("--batch 0 is out of range") == 0);
  }

  TEST_CASE("mlp: products of matrices are told to a library that goes column by column as what the loops do") {
    constexpr int kRows = 32, kColumns = 16, kInner = 48;
    Random random(9, 0);
    const Parameters a(Layout{{.rows = kRows * kInner, .width = 1}}), b(Layout{{.rows = kInner * kColumns, .width = 1}}),
        c(Layout{{.rows = kRows * kColumns, .width = 1}});
    for (const Parameters* p : {&a, &b})
      for (std::size_t i = 0; i < p->memory().floats(); ++i) p->memory().data()[i] = static_cast<float>(random.below(16)) - 8;
    for (const bool a_transposed : {false, true})
      for (const bool b_transposed : {false, true}) {
        if (a_transposed && b_transposed) continue;  // nobody asks for it
        const cuda::Product product{.a = a.memory().data(), .b = b.memory().data(), .c = c.memory().data(), .rows = kRows, .columns = kColumns, .inner = kInner,
                                    .a_transposed = a_transposed, .b_transposed = b_transposed};
        cuda::SimBatch{cuda::MlpBatch{}}.product(product);
        const cuda::ColumnProduct p = cuda::by_columns(product);  // the definition of sgemm
        for (int i = 0; i < p.rows; ++i)
          for (int j = 0; j < p.columns; ++j) {
            float sum = 0;
            for (int k = 0; k < p.inner; ++k)
              sum += p.a[p.a_transposed ? k + i * p.a_stride : i + k * p.a_stride] * p.b[p.b_transposed ? j + k * p.b_stride : k + j * p.b_stride];
            REQUIRE(p.c[i + j * p.c_stride] == sum);
          }
      }
  }

  TEST_CASE("mlp: steps are shortened where so many examples at once would overshoot") {
    CHECK(cuda::batch_scale(16, 4) == 1);
    CHECK(cuda::batch_scale(1, 1) == 1);
    CHECK(cuda::batch_scale(256, 8) == 64.f / 2048);
  }
}
