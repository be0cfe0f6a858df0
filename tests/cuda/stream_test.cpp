// Sets that are copied in chunks while the device trains: what arrives, what is trained, and what is seen when a step does not wait.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <sounder/data/generate.hpp>
#include <sounder/data/load.hpp>
#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "chunk_feed.hpp"
#include "device_data.hpp"
#include "forwarding.hpp"
#include "hybrid.hpp"
#include "skip.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
using cuda::GpuDataName;
using cuda::GpuMode;

namespace {

/// Examples without ids: what an uncopied buffer holds is then wrong, but no address.
Dataset dense(std::size_t examples) {
  Columns columns;
  columns.name = "dense";
  columns.width = 8;
  Random random(5, 1);
  for (std::size_t i = 0; i < examples; ++i) {
    float score = 0;
    for (int j = 0; j < 8; ++j) {
      columns.values.push_back(static_cast<float>(random.uniform() - 0.5));
      score += columns.values.back() * (j % 2 ? 1.f : -1.f);
    }
    columns.labels.push_back(score > 0 ? 1.f : -1.f);
  }
  return Dataset::train(std::move(columns), 1);
}

Result trained(const Kernel& kernel, const Dataset& data, const cuda::GpuOptions& gpu, std::unique_ptr<cuda::Device> device, std::string* remark = nullptr) {
  const Options options = options_for(Mode::hogwild, 2, 2);
  const auto backend = cuda::make_hybrid(gpu, std::move(device), shm::make_backend(options));
  Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
  if (remark) *remark = backend->remark();
  return result;
}

/// A device with a fault in how chunks come to it.
class Faulty final : public ForwardingDevice {
 public:
  enum class Fault {
    none,
    copy_missing,  ///< nothing is copied from pinned memory
    hasty,         ///< steps do not wait for copies, the first of which ends after the first step
  };
  explicit Faulty(Fault fault) : fault_(fault) {}
  std::shared_ptr<void> allocate(cuda::Where where, std::size_t bytes) override {
    auto memory = real_->allocate(where, bytes);
    if (where == cuda::Where::pinned) pinned_.emplace_back(static_cast<char*>(memory.get()), bytes);
    return memory;
  }
  std::unique_ptr<cuda::Stream> stream(bool urgent) override { return std::make_unique<FaultyStream>(*this, real_->stream(urgent)); }

 private:
  struct FaultyStream final : ForwardingStream {
    FaultyStream(Faulty& device, std::unique_ptr<cuda::Stream> real) : ForwardingStream(std::move(real)), device_(device) {}
    void step(const cuda::StepProgram& program, const void* model, const cuda::Segment& segment) override {
      real_->step(program, model, segment);
      real_->step({.start = [](const void* steps, const cuda::Segment&, void*) { const_cast<std::atomic<int>*>(static_cast<const std::atomic<int>*>(steps))->fetch_add(1); }},
                  &device_.steps_, {});
    }
    void copy(void* to, const void* from, std::size_t bytes) override {
      const bool chunk = std::any_of(device_.pinned_.begin(), device_.pinned_.end(),
                                     [from](const auto& memory) { return from >= memory.first && from < memory.first + memory.second; });
      if (chunk && device_.fault_ == Fault::copy_missing) return;
      if (chunk && device_.fault_ == Fault::hasty)
        real_->step({.start = [](const void* steps, const cuda::Segment&, void*) {
                      while (static_cast<const std::atomic<int>*>(steps)->load() == 0) std::this_thread::yield();
                    }},
                    &device_.steps_, {});
      real_->copy(to, from, bytes);
    }
    void follow(cuda::Stream& other) override {
      if (device_.fault_ != Fault::hasty) ForwardingStream::follow(other);
    }
    Faulty& device_;
  };
  Fault fault_;
  std::atomic<int> steps_{0};  ///< that have ended
  std::vector<std::pair<char*, std::size_t>> pinned_;
};

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("stream: chunks arrive as they are in the set, the short one last, in buffers that are filled in turn") {
    for (const ModelName model : {ModelName::logistic, ModelName::mf}) {
      const Dataset data = Dataset::train(small_columns(model, 1000), 1);
      const auto device = cuda::make_emulated_device();
      ChunkQueue queue(data.size(), 48);  // 20 whole chunks, and one of 40
      const cuda::ChunkFeed::Shape shape = cuda::ChunkFeed::shape_of(data.examples(), queue.per_chunk());
      CHECK(shape.chunks == 21);
      cuda::ChunkFeed feed(*device, data.examples(), shape, 4);
      const auto stream = device->stream();
      cuda::Segment common{};
      common.per_chunk = queue.per_chunk();
      std::size_t seen = 0;
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        queue.permute(1, epoch);
        for (std::size_t first = 0; first < queue.chunks(); first += 4) {
          const std::size_t last = std::min(queue.chunks(), first + 4);
          const cuda::Segment segment = feed.load(data.examples(), queue, first, last, common);
          feed.before(*stream);
          stream->wait();
          std::vector<Range> ranges;
          for (std::size_t i = first; i < last; ++i) ranges.push_back(queue.range(i));
          std::stable_partition(ranges.begin(), ranges.end(), [](const Range& range) { return range.size() == 48; });
          std::size_t at = 0;
          for (const Range& range : ranges)
            for (std::size_t i = range.begin; i < range.end; ++i, ++at, ++seen) {
              const Example there = segment.examples[at], here = data.examples()[i];
              REQUIRE(there.size == here.size);
              REQUIRE(there.label == here.label);
              REQUIRE(std::equal(here.ids, here.ids + here.size, there.ids));
              REQUIRE((here.values != nullptr) == (there.values != nullptr));
              if (here.values) REQUIRE(std::equal(here.values, here.values + here.size, there.values));
            }
          CHECK(at == segment.examples.count);
          CHECK(segment.chunks == last - first);
        }
      }
      CHECK(seen == 3 * data.size());
    }
  }

  TEST_CASE("stream: one worker ends with the bits of a resident set, for ids, values and ratings") {
    for (const ModelName model : {ModelName::logistic, ModelName::mf, ModelName::squared}) {
      const std::size_t per_chunk = chunk_size(1000, model == ModelName::mf ? 2000 : 20000);
      Dataset data = model == ModelName::squared ? dense(8 * chunk_size(1000, 8000)) : Dataset::train(small_columns(model, 8 * per_chunk), 1);
      const Kernel kernel = builtin_kernel({.model = model, .l2 = 1e-3, .factors = 16}, data);
      std::string resident, streamed;
      const cuda::GpuOptions gpu{.mode = GpuMode::gpu, .gpu_streams = 1, .gpu_workers = 1};
      cuda::GpuOptions by_chunks = gpu;
      by_chunks.gpu_data = GpuDataName::stream;
      const Result a = trained(kernel, data, gpu, cuda::make_emulated_device(), &resident), b = trained(kernel, data, by_chunks, cuda::make_emulated_device(), &streamed);
      CHECK(a.digest == b.digest);
      CHECK(a.curve.back().train_loss < a.curve.front().train_loss);
      CHECK(resident.find("data resident") != std::string::npos);
      CHECK(streamed.find("data streamed by 2 buffers") != std::string::npos);
    }
  }

  TEST_CASE("stream: both sides train each example once, whatever the placement") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = builtin_kernel({.model = ModelName::mf, .l2 = 1e-2, .factors = 16}, data);
    for (const auto placement : {cuda::PlacementName::mirror, cuda::PlacementName::split, cuda::PlacementName::host}) {
      const cuda::GpuOptions gpu{.placement = placement, .gpu_streams = 3, .sync_ms = 0, .gpu_data = GpuDataName::stream};
      const Result result = trained(kernel, data, gpu, cuda::make_emulated_device());
      CHECK(result.telemetry.examples() + result.telemetry.gpu_updates.value_or(0) == 2 * data.size());
      CHECK(result.curve.back().train_loss < result.curve.front().train_loss);
    }
  }

  TEST_CASE("stream: a set that is larger than the device is trained in chunks, and refused where it is to be resident") {
    const Dataset data = Dataset::train(small_columns(ModelName::logistic, 6000), 1);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic, .l2 = 1e-2}, data);
    constexpr std::size_t kSmall = 400 << 10;
    REQUIRE(cuda::bytes_of(data) > kSmall);
    const auto small = [] { return cuda::make_emulated_device(kSmall); };
    std::string remark;
    const Result result = trained(kernel, data, {.mode = GpuMode::gpu, .gpu_streams = 2}, small(), &remark);
    CHECK(remark.find("data streamed") != std::string::npos);
    CHECK(result.telemetry.gpu_updates == 2 * data.size());
    CHECK(result.curve.back().train_loss < result.curve.front().train_loss);
    try {
      trained(kernel, data, {.mode = GpuMode::gpu, .gpu_data = GpuDataName::resident}, small());
      FAIL("trained");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("--gpu-data resident needs") == 0);
      CHECK(std::string(error.what()).find("give --gpu-data stream") != std::string::npos);
    }
    CHECK_THROWS_AS(small()->allocate(cuda::Where::device, cuda::bytes_of(data)), Error);  // it would not have fitted
    CHECK(cuda::is_resident(GpuDataName::automatic, cuda::make_emulated_device()->caps(), {.mirror = 1000}, data));
    CHECK(cuda::is_resident(GpuDataName::automatic, {.free_bytes = 5 * cuda::bytes_of(data) / 2}, {}, data));
    CHECK_FALSE(cuda::is_resident(GpuDataName::automatic, {.free_bytes = 12 * cuda::bytes_of(data) / 5}, {}, data));
  }

  TEST_CASE("stream: room is kept for the sums of gradients where there are some, as many as the servers need") {
    const auto sums = [](cuda::GpuOptions gpu, bool first = true) { return cuda::bytes_of_model(gpu, 300, first).sums; };
    using cuda::ServerPlacement;
    CHECK(sums({.may_split = false}) == 0);
    CHECK(sums({.gathers = true}) == 600);
    CHECK(sums({.gathers = true, .gpus = 3, .server_placement = ServerPlacement::cpu}) == 600);
    CHECK(sums({.gathers = true, .gpus = 3, .server_placement = ServerPlacement::gpu}) == 1800);
    CHECK(sums({.gathers = true, .gpus = 3, .server_placement = ServerPlacement::gpu}, false) == 600);
    CHECK(sums({.gathers = true, .gpus = 3}) == 1000);
    CHECK(cuda::bytes_of_model({}, 1024).mirror == 1024 + sizeof(GuardedSumBlock) * 4);
    CHECK(cuda::free_for_data({.free_bytes = 100}, {.mirror = 50, .sums = 20}) == 30);
    CHECK(cuda::free_for_data({.free_bytes = 100}, {.mirror = 90, .sums = 20}) == 0);
  }

  TEST_CASE("stream: a buffer holds a chunk, however long; a device that cannot is refused with what would help") {
    const Dataset data = Dataset::train(generate("dense", {{"examples", 300}, {"features", 40'000}}), 1);  // a chunk of 128 is larger than a buffer of 16 MiB
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    const auto gpu = [](int streams) { return cuda::GpuOptions{.mode = GpuMode::gpu, .gpu_streams = streams, .gpu_data = GpuDataName::stream}; };
    CHECK(trained(kernel, data, gpu(1), cuda::make_emulated_device()).telemetry.gpu_updates == 2 * data.size());
    for (const int streams : {1, 2}) try {
        trained(kernel, data, gpu(streams), cuda::make_emulated_device(std::size_t{1} << 20));
        FAIL("trained");
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find(streams == 1 ? "give a smaller model, or --mode cpu" : "give fewer --gpu-streams") != std::string::npos);
      }
  }

  TEST_CASE("stream: a buffer holds a mini-batch, however large; control: a smaller batch ends elsewhere") {
    if (kThreadSanitizer) return skip("slow: the arithmetic of one stream");
    const Dataset images = Dataset::train(load("synthetic:dense,examples=6000,features=1000", {.format = Format::multiclass}), 1);  // 4,096 of them take 16 MiB
    const Kernel mlp = builtin_kernel({.model = ModelName::mlp, .hidden = 16}, images);
    const auto loss = [&](GpuDataName where, int batch) {
      return trained(mlp, images, {.mode = GpuMode::gpu, .gpu_streams = 1, .batch = batch, .gpu_data = where}, cuda::make_emulated_device()).curve.back().train_loss;
    };
    const double whole = loss(GpuDataName::resident, 6000);
    CHECK(loss(GpuDataName::stream, 6000) == doctest::Approx(whole).epsilon(5e-4));  // but for the order of its sums
    CHECK(loss(GpuDataName::resident, 4096) != doctest::Approx(whole).epsilon(5e-3));
  }

  TEST_CASE("stream: mutants, a copy that is missing, and steps that do not wait for theirs") {
    using Fault = Faulty::Fault;
    const Dataset data = dense(4096);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic, .l2 = 1e-2}, data);
    for (const Fault fault : {Fault::none, Fault::copy_missing, Fault::hasty}) {
      if (kThreadSanitizer && fault == Fault::hasty) continue;  // a race, on purpose
      CAPTURE(static_cast<int>(fault));
      const cuda::GpuOptions gpu{.mode = GpuMode::gpu, .gpu_streams = 2, .gpu_data = GpuDataName::stream};
      const Result result = trained(kernel, data, gpu, std::make_unique<Faulty>(fault));
      CHECK((result.stopped == Stopped::diverged) == (fault != Fault::none));
    }
  }
}
