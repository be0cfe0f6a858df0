// Several devices gather the gradients of one rank: their sum is that of one device, and nothing of any of them is lost.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include <sounder/error.hpp>

#include "forwarding.hpp"
#include "hybrid.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
using cuda::GpuMode;
using cuda::ServerPlacement;

namespace {

/// A device to which parameters of other devices, or gradients, do not come.
class Deaf final : public ForwardingDevice {
 public:
  std::unique_ptr<cuda::Stream> stream(bool urgent) override { return std::make_unique<DeafStream>(real_->stream(urgent)); }

 private:
  struct DeafStream final : ForwardingStream {
    using ForwardingStream::ForwardingStream;
    void copy_from(cuda::Device&, void*, const void*, std::size_t) override {}
  };
};

/// The gradient of the first half of the chunks, at parameters that differ from those at prepare().
struct Gradients {
  std::vector<float> sums, decays;
  std::uint64_t in_a_round = 0, on_gpus = 0;
  std::string remark;
};

Gradients gathered(const Kernel& kernel, const Dataset& data, cuda::GpuOptions gpu, int gpus, std::unique_ptr<cuda::Device> (*make)()) {
  gpu.mode = GpuMode::gpu;
  gpu.gpus = gpus;
  gpu.gpu_streams = 2;
  gpu.gpu_workers = 4;
  std::vector<std::unique_ptr<cuda::Device>> others;
  while (static_cast<int>(others.size()) + 1 < gpus) others.push_back(make());
  const auto backend = cuda::make_hybrid(gpu, make(), make_serial_backend(), std::move(others));
  Parameters parameters = backend->make_parameters(kernel.layout);
  kernel.initialize(parameters, 3);
  backend->prepare(kernel, data, parameters);
  kernel.initialize(parameters, 4);
  for (std::size_t i = 0; i < parameters.memory().floats(); ++i) parameters.memory().data()[i] += 0.01f;
  ChunkQueue queue(data.size(), 16);
  queue.open(0, queue.chunks() / 2, 1);
  Gatherer& gatherer = *backend->gatherer();
  Gradients all;
  for (int round = 0; round < 2; ++round) {  // the second must not find anything of the first
    queue.open(0, queue.chunks() / 2, 1);
    const std::uint64_t before = *backend->telemetry().gpu_updates;
    gatherer.begin({}, queue);
    const Gathered found = gatherer.end();
    all.in_a_round = *backend->telemetry().gpu_updates - before;
    if (round == 0) gatherer.discard();  // only the second counts
    const std::size_t floats = parameters.memory().floats();
    all.sums.assign(found.sums.read[0], found.sums.read[0] + floats - kernel.layout.offset(0));
    all.decays.assign(found.decays.read[0], found.decays.read[0] + floats - kernel.layout.offset(0));
  }
  all.on_gpus = *backend->telemetry().gpu_updates;
  all.remark = backend->remark();
  return all;
}

std::unique_ptr<cuda::Device> emulated() { return cuda::make_emulated_device(); }
std::unique_ptr<cuda::Device> deaf() { return std::make_unique<Deaf>(); }

/// The largest difference, in parts of the largest value. Huge: something is not a number.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) return 1e30;
    most = std::max(most, std::abs(x));
    difference = std::max(difference, std::abs(x - y));
  }
  return most > 0 ? difference / most : difference;
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("gathering: several devices gather what one does, in every server placement") {
    for (const ModelName model : {ModelName::logistic, ModelName::mf}) {
      const Dataset data = small_set(model);
      const Kernel kernel = builtin_kernel({.model = model, .l2 = 1e-2, .factors = 16}, data);
      const Gradients one = gathered(kernel, data, {}, 1, emulated);
      CHECK(one.remark.find("GPUs") == std::string::npos);
      for (const int gpus : {2, 3})
        for (const auto& placement : cuda::kServerPlacements) {
          CAPTURE(std::string(name_of(kModels, model)));
          CAPTURE(gpus);
          CAPTURE(std::string(placement.name));
          for (const cuda::GpuDataName where : {cuda::GpuDataName::resident, cuda::GpuDataName::stream}) {
            const Gradients several = gathered(kernel, data, {.gpu_data = where, .server_placement = placement.value}, gpus, emulated);
            CHECK(distance(one.sums, several.sums) < 1e-5);
            CHECK(distance(one.decays, several.decays) < 1e-5);
            CHECK(several.on_gpus == one.on_gpus);
            CHECK(several.on_gpus == several.in_a_round);
            std::istringstream parts(several.remark.substr(several.remark.find("examples of each: ") + 18));
            double share = 0;
            for (int i = 0; i < gpus; ++i) {
              parts >> share;
              CHECK(share / static_cast<double>(2 * several.on_gpus) == doctest::Approx(1. / gpus).epsilon(0.2));  // of both rounds
            }
            CHECK(several.remark.find(std::to_string(gpus) + " GPUs") != std::string::npos);
          }
        }
    }
  }

  TEST_CASE("gathering: mutant: what does not come from another device is seen") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    const Gradients one = gathered(kernel, data, {}, 1, emulated);
    for (const ServerPlacement placement : {ServerPlacement::gpu, ServerPlacement::spread})
      CHECK(distance(one.sums, gathered(kernel, data, {.server_placement = placement}, 2, deaf).sums) > 1e29);
    CHECK(distance(one.sums, gathered(kernel, data, {.server_placement = ServerPlacement::cpu}, 2, deaf).sums) < 1e-5);
  }

  TEST_CASE("gathering: an error on any device ends a round, and all come to rest") {
    struct Failing final : ForwardingDevice {
      std::unique_ptr<cuda::Stream> stream(bool urgent) override {
        struct FailingStream final : ForwardingStream {
          using ForwardingStream::ForwardingStream;
          void step(const cuda::StepProgram&, const void*, const cuda::Segment&) override { throw Error("a step fails"); }
        };
        return std::make_unique<FailingStream>(real_->stream(urgent));
      }
    };
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    CHECK_THROWS_WITH_AS(gathered(kernel, data, {}, 3, [] { return std::unique_ptr<cuda::Device>(std::make_unique<Failing>()); }), "a step fails", Error);
  }

  TEST_CASE("gathering: several devices are refused where they have nothing to add up") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    const Options options = options_for(Mode::hogwild, 1);
    const auto run = [&](cuda::GpuOptions gpu) {
      std::vector<std::unique_ptr<cuda::Device>> others;
      others.push_back(cuda::make_emulated_device());
      gpu.gpus = 2;
      const auto backend = cuda::make_hybrid(gpu, cuda::make_emulated_device(), shm::make_backend(options), std::move(others));
      fit(Problem{.kernel = kernel, .train = data}, options, *backend);
    };
    CHECK_THROWS_WITH_AS(run({}), doctest::Contains("--gpus 2 add up gradients"), Error);
    CHECK_THROWS_WITH_AS(run({.placement = cuda::PlacementName::pinned}), doctest::Contains("--placement pinned keeps one for all"), Error);
    for (const int gpus : {0, 9}) CHECK_THROWS_WITH_AS(cuda::GpuOptions{.gpus = gpus}.validate(), doctest::Contains("give 1 to 8"), Error);
  }
}
