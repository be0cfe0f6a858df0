// What every device must do: the emulated one everywhere, a real one where there is one.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "device_data.hpp"
#include "mirror.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// f(device) for the emulated device and the GPU; says if there is none.
template <class F>
void for_each_device(F f) {
  {
    CAPTURE("emulated");
    f(*cuda::make_emulated_device());
  }
  const cuda::DeviceStatus status = cuda::cuda_status();
  if (status.absence != cuda::Absence::none) return skip(("the emulated device ran; no other: " + status.sentence).c_str());
  CAPTURE("cuda");
  f(*cuda::make_cuda_device());
}

/// A worker's epoch over the whole set, with all copies that a device needs.
Parameters trained(cuda::Device& device, const Kernel& kernel, const Dataset& data, cuda::UpdateName update, bool system_scope, double nonzeros,
                   int groups, float rate) {
  constexpr std::size_t kChunk = 64;
  const cuda::Where where = system_scope ? cuda::Where::pinned : cuda::Where::device;
  Parameters on_host(kernel.layout);
  kernel.initialize(on_host, 3);
  const std::size_t bytes = on_host.memory().floats() * sizeof(float);
  const auto memory = device.allocate(where, bytes);
  const auto stream = device.stream();
  const cuda::DeviceData examples(device, data);
  std::vector<std::uint32_t> order((data.size() + kChunk - 1) / kChunk);
  std::iota(order.begin(), order.end(), 0u);
  const auto order_there = device.allocate(cuda::Where::device, order.size() * sizeof(std::uint32_t));
  stream->copy(order_there.get(), order.data(), order.size() * sizeof(std::uint32_t));
  stream->copy(memory.get(), on_host.memory().data(), bytes);
  stream->wait();
  const auto program = device.program(kernel, {.update = update, .system_scope = system_scope, .nonzeros = nonzeros});
  REQUIRE(static_cast<bool>(program.start));
  stream->step(program, kernel.model.get(),
               {.cells = on_host.cells(static_cast<float*>(memory.get())),
                .examples = examples.examples(),
                .rarity = examples.rarity(),
                .order = static_cast<const std::uint32_t*>(order_there.get()),
                .chunks = order.size(),
                .per_chunk = kChunk,
                .rate = rate,
                .groups = groups});
  stream->wait();
  stream->copy(on_host.memory().data(), memory.get(), bytes);
  stream->wait();
  return on_host;
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("devices: one worker takes the steps of one CPU thread") {
    for_each_device([](cuda::Device& device) {
      for (const ModelName model : {ModelName::logistic, ModelName::svm, ModelName::squared, ModelName::softmax, ModelName::fm, ModelName::mf})
        for (const double nonzeros : {4., 60.})
          for (const cuda::UpdateName update : {cuda::UpdateName::racy, cuda::UpdateName::red})
            for (const bool system_scope : {false, true}) {
              CAPTURE(std::string(name_of(kModels, model)));
              CAPTURE(nonzeros);
              CAPTURE(std::string(name_of(cuda::kUpdates, update)));
              CAPTURE(system_scope);
              const Dataset data = Dataset::train(small_columns(model, 500), 1);
              for (const int factors : {16, 32, 64, 128, 256}) {
                if (factors > 16 && model != ModelName::mf && !(model == ModelName::fm && factors <= 64)) continue;
                CAPTURE(factors);
                const Kernel kernel = builtin_kernel({.model = model, .l2 = 1e-3, .factors = factors}, data);
                const float rate = static_cast<float>(kernel.default_step / 4);
                Parameters reference(kernel.layout);
                kernel.initialize(reference, 3);
                StepContext context{.cells = reference.cells(), .rate = rate};
                kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), 0, data.size());
                CHECK(distance(reference, trained(device, kernel, data, update, system_scope, nonzeros, 1, rate)) < 1e-4);
              }
            }
    });
  }

  TEST_CASE("devices: `red` loses no update, however many workers write the same words") {
    for_each_device([](cuda::Device& device) {
      // Every example is the same feature with slope -1 * label: least squares at a rate so small that the weight hardly moves.
      const std::size_t examples = 1 << 14;
      Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(examples, {0}), std::vector<float>(examples, 4096.f));
      const Kernel kernel = builtin_kernel({.model = ModelName::squared}, data);
      const float rate = 1.f / (1 << 24);
      const Parameters after = trained(device, kernel, data, cuda::UpdateName::red, false, 1, 4096, rate);
      // Each step adds rate * 4096 = 2^-12 (less the tiny change of the score).
      CHECK(after.row(0, 0)[0] == doctest::Approx(static_cast<double>(examples) / 4096).epsilon(1e-3));
    });
  }

  TEST_CASE("devices: `red` loses no update of a row of 16 bits, however many workers write it; control: on a GPU `racy` does") {
    // One user and one item, a rating far away, and steps so small that the slope hardly changes: both rows move on a line.
    const std::size_t examples = 1 << 14;
    Columns columns;
    columns.name = "one";
    columns.spaces = 2;
    columns.width = 2;
    columns.ids.assign(2 * examples, 0);
    columns.labels.assign(examples, 4096.f);
    const Dataset data = Dataset::train(std::move(columns), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .factors = 32}, data);
    const float rate = 1e-9f;
    Parameters before(kernel.layout), reference(kernel.layout);
    kernel.initialize(before, 3);
    kernel.initialize(reference, 3);
    before.row(2, 0)[0] = reference.row(2, 0)[0] = 0;  // the mean rating, from which all errors are measured
    StepContext context{.cells = reference.cells(), .rate = rate};
    kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), 0, data.size());
    for_each_device([&](cuda::Device& device) {
      const bool emulated = device.caps().name == "emulated device";
      for (const StorageName storage : {StorageName::bf16, StorageName::f16})
        for (const cuda::UpdateName update : {cuda::UpdateName::red, cuda::UpdateName::racy}) {
          CAPTURE(std::string(name_of(cuda::kStorages, storage)));
          CAPTURE(std::string(name_of(cuda::kUpdates, update)));
          const std::size_t bytes = kernel.layout.floats() * sizeof(float);
          Parameters master(kernel.layout, Memory(kernel.layout.floats(), device.allocate(cuda::Where::pinned, bytes)));
          std::copy_n(before.memory().data(), kernel.layout.floats(), master.memory().data());
          cuda::Mirror mirror(device, master, MergeRule::sum, {}, storage);
          mirror.refresh();
          const cuda::DeviceData resident(device, data);
          const std::uint32_t order[] = {0};
          const auto order_there = device.allocate(cuda::Where::device, sizeof order);
          const auto stream = device.stream();
          stream->copy(order_there.get(), order, sizeof order);
          const auto program = device.program(kernel, {.update = update, .nonzeros = 2, .storage = storage});
          REQUIRE(static_cast<bool>(program.start));
          stream->step(program, kernel.model.get(),
                       {.cells = mirror.cells(), .examples = resident.examples(), .order = static_cast<const std::uint32_t*>(order_there.get()), .chunks = 1,
                        .per_chunk = examples, .rate = rate, .groups = 1024});
          stream->wait();
          mirror.reconcile(1);
          double moved = 0, expected = 0;
          for (const std::size_t table : {0, 1})
            for (std::size_t i = 0; i < 32; ++i) {
              const double way = static_cast<double>(reference.row(table, 0)[i] - before.row(table, 0)[i]);
              moved += static_cast<double>(master.row(table, 0)[i] - before.row(table, 0)[i]) * (way < 0 ? -1 : 1);
              expected += std::abs(way);
            }
          if (update == cuda::UpdateName::red || emulated)  // whose workers step one after another
            CHECK(moved == doctest::Approx(expected).epsilon(0.05));
          else
            CHECK(moved < 0.5 * expected);
        }
    });
  }

  TEST_CASE("devices: master and mirror exchange movements of both sides, and neither is lost") {
    for_each_device([](cuda::Device& device) {
      for (const cuda::Where where : {cuda::Where::pinned, cuda::Where::host}) {
        if (where == cuda::Where::host && !device.caps().concurrent_managed_access) continue;
        CAPTURE(static_cast<int>(where));
        constexpr std::size_t kFloats = 1 << 16;
        const Layout layout{{.rows = kFloats, .width = 1}};
        Parameters master(layout, Memory(layout.floats(), device.allocate(where, layout.floats() * sizeof(float))));
        float* const on_host = master.memory().data();
        cuda::Mirror mirror(device, master, MergeRule::sum);
        for (std::size_t i = 0; i < kFloats; ++i) on_host[i] = static_cast<float>(i % 5);
        mirror.refresh();
        const auto stream = device.stream();
        std::vector<float> moved(kFloats);
        stream->copy(moved.data(), mirror.cells().read[0], kFloats * sizeof(float));
        stream->wait();
        for (std::size_t i = 0; i < kFloats; ++i) {
          REQUIRE(moved[i] == static_cast<float>(i % 5));
          if (i % 2 == 0) moved[i] += 1;        // even words: the device
          else on_host[i] += 2;                 // odd words: the CPU
        }
        stream->copy(mirror.cells().write[0], moved.data(), kFloats * sizeof(float));
        stream->wait();
        mirror.reconcile(0.5f);
        stream->copy(moved.data(), mirror.cells().read[0], kFloats * sizeof(float));
        stream->wait();
        bool exact = true;
        for (std::size_t i = 0; i < kFloats; ++i) {
          const float expected = static_cast<float>(i % 5) + (i % 2 == 0 ? 1.f : 2.f);
          exact &= on_host[i] == expected && moved[i] == expected;
        }
        CHECK(exact);
      }
    });
  }

  TEST_CASE("devices: memory on the device is not what the host wrote, until it is copied") {
    const auto device = cuda::make_emulated_device();
    const auto memory = device->allocate(cuda::Where::device, 64 * sizeof(float));
    CHECK(std::isnan(static_cast<float*>(memory.get())[63]));
  }
}
