// Whole runs on the emulated device: who trains, what they count, and what is lost when an exchange is left out.
#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "forwarding.hpp"
#include "hybrid.hpp"
#include "mirror.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
using cuda::GpuMode;
using cuda::PlacementName;

namespace {

/// A device whose exchanges are altered by a test.
class Altered final : public ForwardingDevice {
 public:
  enum class Fault { none, no_reconcile, cpu_update_lost };
  explicit Altered(Fault fault) : fault_(fault) {}
  std::shared_ptr<void> allocate(cuda::Where where, std::size_t bytes) override {
    auto memory = real_->allocate(where, bytes);
    if (where == cuda::Where::pinned && !master_) master_ = memory.get();
    return memory;
  }
  std::unique_ptr<cuda::Stream> stream(bool urgent) override { return std::make_unique<AlteredStream>(real_->stream(urgent), *this); }

 private:
  struct AlteredStream final : ForwardingStream {
    AlteredStream(std::unique_ptr<cuda::Stream> real, const Altered& device) : ForwardingStream(std::move(real)), device_(device) {}
    /// Where the GPU alone trains, its copy comes back whole.
    void copy(void* to, const void* from, std::size_t bytes) override {
      if (device_.fault_ != Fault::no_reconcile || to != device_.master_) real_->copy(to, from, bytes);
    }
    void reconcile(const cuda::Exchanged& what) override {
      if (device_.fault_ == Fault::none) real_->reconcile(what);
      if (device_.fault_ == Fault::cpu_update_lost)  // the master is overwritten with the mirror, as where whole models are copied to and fro
        real_->copy(what.master, what.mirror, what.last * kBlockFloats * sizeof(float));
    }
    const Altered& device_;
  };
  Fault fault_;
  const void* master_ = nullptr;
};

Result hybrid(const Kernel& kernel, const Dataset& data, const Options& options, const cuda::GpuOptions& gpu,
              std::unique_ptr<cuda::Device> device = cuda::make_emulated_device()) {
  const auto backend = cuda::make_hybrid(gpu, std::move(device), shm::make_backend(options));
  return fit(Problem{.kernel = kernel, .train = data}, options, *backend);
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("hybrid: the emulated device ends within 1 % of serial, in every mode, placement, update and merge") {
    for (const ModelName model : {ModelName::logistic, ModelName::mf}) {
      const Dataset data = small_set(model);
      const Kernel kernel = builtin_kernel({.model = model, .l2 = 1e-2, .factors = 16}, data);
      Options options = options_for(Mode::serial, static_cast<int>(scaled(20, 3)), 2);
      const double serial = train(kernel, data, options).curve.back().train_loss;
      options.mode = Mode::hogwild;
      const auto check = [&](const cuda::GpuOptions& gpu) {
        CAPTURE(std::string(name_of(kModels, model)));
        CAPTURE(std::string(name_of(cuda::kGpuModes, gpu.mode)));
        CAPTURE(std::string(name_of(cuda::kPlacements, gpu.placement)));
        CAPTURE(std::string(name_of(cuda::kUpdates, gpu.update_form())));
        CAPTURE(std::string(name_of(cuda::kMerges, gpu.merge)));
        const Result result = hybrid(kernel, data, options, gpu);
        // A mean goes half as far. 3,000 ratings are not enough for the factors to settle: what an exchange leaves out still shows.
        const bool settled = model == ModelName::logistic;
        const double within = kThreadSanitizer ? 1.3 : gpu.merge == cuda::MergeName::mean ? 1.15 : settled ? 1.01 : 1.03;
        CHECK(result.curve.back().train_loss < within * serial);
        // Each example once an epoch, by one side.
        const std::uint64_t all = data.size() * static_cast<std::uint64_t>(options.epochs);
        CHECK(result.curve.back().examples == all);
        CHECK(result.telemetry.examples() + result.telemetry.gpu_updates.value_or(0) == all);
        if (gpu.mode == GpuMode::gpu) CHECK(result.telemetry.gpu_updates == all);
      };
      for (const GpuMode mode : {GpuMode::gpu, GpuMode::hybrid})
        for (const PlacementName placement : {PlacementName::automatic, PlacementName::host, PlacementName::mirror, PlacementName::managed, PlacementName::pinned})
          check({.mode = mode, .placement = placement, .gpu_streams = 2, .sync_ms = 0.5});
      for (const auto& update : cuda::kUpdates) check({.update = update.value, .sync_ms = 0});
      for (const auto& merge : cuda::kMerges) check({.sync_ms = 0, .merge = merge.value});
    }
  }

  TEST_CASE("mutants: a reconcile that is skipped, and updates of CPU threads that are overwritten, are seen") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic, .l2 = 1e-2}, data);
    const Options options = options_for(Mode::hogwild, 1, 1);
    const cuda::GpuOptions alone{.mode = GpuMode::gpu};
    const double start = hybrid(kernel, data, options, alone).curve.front().train_loss;
    CHECK(hybrid(kernel, data, options, alone, std::make_unique<Altered>(Altered::Fault::none)).curve.back().train_loss < 0.98 * start);
    CHECK(hybrid(kernel, data, options, alone, std::make_unique<Altered>(Altered::Fault::no_reconcile)).curve.back().train_loss == doctest::Approx(start));
    // Rows of 16 bits come back by an exchange.
    const Dataset ratings = small_set(ModelName::mf);
    const Kernel factorization = builtin_kernel({.model = ModelName::mf, .l2 = 1e-2}, ratings);
    const cuda::GpuOptions narrow{.mode = GpuMode::gpu, .storage = StorageName::bf16};
    const Result without = hybrid(factorization, ratings, options, narrow, std::make_unique<Altered>(Altered::Fault::no_reconcile));
    CHECK(without.curve.back().train_loss == doctest::Approx(without.curve.front().train_loss));
    CHECK(hybrid(factorization, ratings, options, narrow, std::make_unique<Altered>(Altered::Fault::none)).curve.back().train_loss < 0.98 * without.curve.front().train_loss);
  }

  TEST_CASE("mirror: movements of both sides are kept, whatever the rule, and exactly where only one moved") {
    for (const auto& [fault, kept] : {std::pair{Altered::Fault::none, true}, {Altered::Fault::cpu_update_lost, false}})
      for (const MergeRule rule : {MergeRule::guarded, MergeRule::sum, MergeRule::mean}) {
        Altered device(fault);
        Parameters master(Layout{{.rows = 5000, .width = 1}});
        float* const on_host = master.memory().data();
        cuda::Mirror mirror(device, master, rule);
        for (std::size_t i = 0; i < 5000; ++i) on_host[i] = static_cast<float>(i % 7);
        mirror.refresh();
        float* const on_device = mirror.cells().write[0];
        // Blocks in turn: the GPU's, the CPU's, nobody's.
        for (std::size_t i = 0; i < 5000; ++i) {
          if (i / kBlockFloats % 3 == 0) on_device[i] += 1;
          if (i / kBlockFloats % 3 == 1) on_host[i] += 2;
        }
        mirror.reconcile(0.5f);
        bool exact = true;
        for (std::size_t i = 0; i < 5000; ++i) {
          const std::size_t who = i / kBlockFloats % 3;
          const float expected = static_cast<float>(i % 7) + (who == 0 ? 1.f : who == 1 ? 2.f : 0.f);
          exact &= on_host[i] == expected && on_device[i] == expected;
        }
        CHECK(exact == kept);
      }
  }

  TEST_CASE("mirror: where both moved, the sum is conserved, the mean weighted; both sides hold the same") {
    // The guarded sum is on its guard at first: 7/8 of the half of 2 that both did is left out.
    for (const auto& [rule, expected] : {std::pair{MergeRule::guarded, 13.f - 0.875f}, {MergeRule::sum, 13.f}, {MergeRule::mean, 10.f + 0.25f * 1 + 0.75f * 2}}) {
      const auto device = cuda::make_emulated_device();
      Parameters master(Layout{{.rows = 640, .width = 1}});
      float* const on_host = master.memory().data();
      cuda::Mirror mirror(*device, master, rule);
      std::fill_n(on_host, 640, 10.f);
      mirror.refresh();
      float* const on_device = mirror.cells().write[0];
      for (int i = 0; i < 640; ++i) on_device[i] += 1, on_host[i] += 2;
      mirror.reconcile(0.25f);
      for (int i = 0; i < 640; ++i) {
        REQUIRE(on_host[i] == doctest::Approx(expected));
        REQUIRE(on_device[i] == doctest::Approx(expected));
      }
    }
  }

  TEST_CASE("mirror: two sides that both fit a row anew in each period stay where it is, where the plain sum swings") {
    const auto error_of = [](MergeRule rule) {
      const auto device = cuda::make_emulated_device();
      Parameters master(Layout{{.rows = 64, .width = 1}});
      float* const on_host = master.memory().data();
      cuda::Mirror mirror(*device, master, rule);
      mirror.refresh();
      float* const on_device = mirror.cells().write[0];
      for (int period = 0; period < 60; ++period) {
        for (int i = 0; i < 64; ++i) {  // both move all the way to 1, and a bit beyond
          on_host[i] += 1.02f * (1 - on_host[i]);
          on_device[i] += 1.02f * (1 - on_device[i]);
        }
        mirror.reconcile(0.5f);
      }
      return std::abs(on_host[0] - 1);
    };
    CHECK(error_of(MergeRule::guarded) < 0.1f);
    CHECK(error_of(MergeRule::mean) < 0.1f);
    CHECK(error_of(MergeRule::sum) > 0.5f);
  }

  TEST_CASE("mirror: nothing that the device adds while exchanges go on is lost, and words that nobody moves stay") {
    constexpr std::size_t kWords = 512;
    constexpr int kRounds = static_cast<int>(scaled(20000, 1000));
    const auto device = cuda::make_emulated_device();
    Parameters master(Layout{{.rows = kWords, .width = 1}});
    float* const on_host = master.memory().data();
    cuda::Mirror mirror(*device, master, MergeRule::sum);
    mirror.refresh();
    float* const on_device = mirror.cells().write[0];
    std::atomic<int> at_work{1};
    // As kernels do: adds, to even words. What CPU threads store meanwhile is checked on a card (bench/gpu/exactness.cpp).
    std::thread gpu([&] {
      for (int round = 0; round < kRounds; ++round)
        for (std::size_t i = 0; i < kWords; i += 2) shared_cell::atomic_add<float>(on_device + i, 1.f);
      at_work.store(0);
    });
    while (at_work.load()) mirror.reconcile(0.5f);
    gpu.join();
    mirror.reconcile(0.5f);
    for (std::size_t i = 0; i < kWords; ++i) {
      REQUIRE(on_host[i] == (i % 2 == 0 ? static_cast<float>(kRounds) : 0.f));
      REQUIRE(on_device[i] == on_host[i]);
    }
  }

  TEST_CASE("hybrid: what has no kernel is refused, with what to give instead") {
    const Dataset data = small_set(ModelName::logistic);
    const auto refused = [&](const Kernel& kernel, Options options, const cuda::GpuOptions& gpu) {
      try {
        hybrid(kernel, data, options, gpu);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    Options options = options_for(Mode::hogwild, 1);
    options.rule = RuleName::adagrad;
    CHECK(refused(builtin_kernel({}, data, RuleName::adagrad), options, {}).find("--rule adagrad has no kernel") == 0);
    CHECK(refused(builtin_kernel({}, data), options_for(Mode::cached, 1), {}).find("--node-mode") != std::string::npos);
    CHECK(refused(builtin_kernel({}, data), options_for(Mode::hogwild, 1), {.gpu_streams = 0}).find("--gpu-streams 0") == 0);
    CHECK(refused(builtin_kernel({}, data), options_for(Mode::hogwild, 1), {}).empty());
    CHECK_THROWS_AS(cuda::make_backend({.gpu_streams = 0}, cuda::DeviceName::emu, nullptr), Error);
    CHECK_THROWS_AS(cuda::make_backend({.sync_ms = -1}, cuda::DeviceName::emu, nullptr), Error);
  }
}
