// Placement `split`: who is given which examples, what is handed over when that changes, and what is seen when it is not.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include <sounder/data/random.hpp>
#include <sounder/error.hpp>

#include "forwarding.hpp"
#include "hybrid.hpp"
#include "mirror.hpp"
#include "split.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;
using cuda::GpuMode;
using cuda::PlacementName;

namespace {

/// Ratings whose labels are their numbers.
Dataset numbered(std::size_t examples) {
  Columns columns = small_columns(ModelName::mf, examples);
  for (std::size_t i = 0; i < columns.labels.size(); ++i) columns.labels[i] = static_cast<float>(i);
  return Dataset::train(std::move(columns), 1);
}
Kernel factorization(const Dataset& data, int factors = 16) { return builtin_kernel({.model = ModelName::mf, .l2 = 1e-2, .factors = factors}, data); }

/// Who stepped on which example in an epoch, and on which user's.
struct Visits {
  std::mutex door;
  std::vector<int> of_example;
  std::map<std::uint32_t, std::set<int>> sides_of_user;

  void add(const Example& x, int side) {
    const std::lock_guard lock(door);
    ++of_example[static_cast<std::size_t>(x.label)];
    sides_of_user[x.ids[0]].insert(side);
  }
  bool each_once() const { return std::all_of(of_example.begin(), of_example.end(), [](int n) { return n == 1; }); }
  bool one_side_a_user() const {
    return std::all_of(sides_of_user.begin(), sides_of_user.end(), [](const auto& entry) { return entry.second.size() == 1; });
  }
};

/// Walks over the queues of both sides as workers do, for so many epochs of so many rounds, at changing speeds. `overlap`: a mutant that
/// gives the GPU so many examples before the cut as well.
void deal(cuda::Dealer& dealer, const Dataset& data, int epochs, int rounds, std::size_t overlap, const std::function<void(Visits&, std::size_t cut)>& check) {
  ChunkQueue whole(data.size(), 32);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    whole.permute(1, static_cast<std::uint64_t>(epoch));
    Visits visits;
    visits.of_example.resize(data.size());
    std::size_t taken = 0;
    for (int round = 0; round < rounds; ++round) {
      whole.open(whole.chunks() * static_cast<std::size_t>(round) / static_cast<std::size_t>(rounds),
                 whole.chunks() * static_cast<std::size_t>(round + 1) / static_cast<std::size_t>(rounds), 2);
      dealer.open({.epoch = epoch}, whole, 2);
      const Examples all = dealer.data().examples(), behind = cuda::tail(all, dealer.cut().examples - std::min(overlap, dealer.cut().examples));
      ChunkQueue::Cursor cursor(dealer.cpu());
      for (Range range; cursor.next(range);)
        for (std::size_t i = range.begin; i < range.end; ++i) visits.add(all[i], 0);
      std::size_t first = 0, last = 0;
      while (dealer.gpu().take(3, first, last))
        for (; first < last; ++first) {
          const Range range = dealer.gpu().range(first);
          dealer.stepped(range.size());
          for (std::size_t i = range.begin; i < range.end; ++i) visits.add(behind[i], 1);
        }
      dealer.close(1, epoch % 2 ? 3 : 0.3);
      taken += whole.taken();
    }
    CHECK(taken == data.size());
    check(visits, dealer.cut().rows);
  }
}

/// The bits of the rows of the owned table, in the master or in the mirror (which the host can read on the emulated device).
std::vector<float> owned_rows(const float* cells, std::size_t first, std::size_t last, std::size_t width) {
  return {cells + first * width, cells + last * width};
}

/// A device that forgets to copy rows of the master (the first memory that both sides reach) to itself, or back, from forget() on.
class Forgetful final : public ForwardingDevice {
 public:
  enum class Fault { none, not_to_device, not_to_host };
  explicit Forgetful(Fault fault) : fault_(fault) {}
  std::shared_ptr<void> allocate(cuda::Where where, std::size_t bytes) override {
    auto memory = real_->allocate(where, bytes);
    if ((where == cuda::Where::host || where == cuda::Where::pinned) && !master_.first) master_ = {static_cast<char*>(memory.get()), bytes};
    return memory;
  }
  std::unique_ptr<cuda::Stream> stream(bool urgent) override { return std::make_unique<ForgetfulStream>(*this, real_->stream(urgent)); }
  void forget() { forgets_ = true; }

 private:
  struct ForgetfulStream final : ForwardingStream {
    ForgetfulStream(const Forgetful& device, std::unique_ptr<cuda::Stream> real) : ForwardingStream(std::move(real)), device_(device) {}
    void copy(void* to, const void* from, std::size_t bytes) override {
      const bool forgotten = device_.fault_ == Fault::not_to_device ? device_.in_master(from) : device_.fault_ == Fault::not_to_host && device_.in_master(to);
      if (!device_.forgets_ || !forgotten) real_->copy(to, from, bytes);
    }
    const Forgetful& device_;
  };
  bool in_master(const void* p) const { return p >= master_.first && p < master_.first + master_.second; }
  Fault fault_;
  bool forgets_ = false;
  std::pair<char*, std::size_t> master_{};
};

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("split: data are grouped by rows, each example is there once, and no block of rows is on both sides of a cut") {
    const Dataset data = numbered(3000);
    for (const int factors : {16, 30, 64, 128}) {
      const Kernel kernel = factorization(data, factors);
      const cuda::GroupedData grouped(kernel, data, 0);
      const auto cuts = grouped.cuts();
      REQUIRE(cuts.size() > 20);
      CHECK(cuts.front().examples + cuts.front().rows == 0);
      CHECK(cuts.back().examples == data.size());
      CHECK(cuts.back().rows == kernel.layout.shape(0).rows);
      std::vector<int> seen(data.size());
      const Examples examples = grouped.data().examples();
      for (std::size_t part = 0; part + 1 < cuts.size(); ++part) {
        if (part > 0) CHECK(cuts[part].rows * kernel.layout.stride(0) % kBlockFloats == 0);
        CHECK(cuts[part].examples < cuts[part + 1].examples);
        for (std::size_t i = cuts[part].examples; i < cuts[part + 1].examples; ++i) {
          ++seen[static_cast<std::size_t>(examples[i].label)];
          REQUIRE(examples[i].ids[0] >= cuts[part].rows);
          REQUIRE(examples[i].ids[0] < cuts[part + 1].rows);
        }
      }
      CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
    }
  }

  TEST_CASE("split: a model whose examples do not touch one row each is refused") {
    const Dataset data = small_set(ModelName::logistic);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    const auto device = cuda::make_emulated_device();
    CHECK_FALSE(device->program(kernel, {}).owned.has_value());
    CHECK(device->program(factorization(small_set(ModelName::mf)), {}).owned == 0);
    CHECK_THROWS_AS(cuda::GroupedData(kernel, data, 0), Error);
  }

  TEST_CASE("split: each example once an epoch, each user's on one side, in any number of rounds, while shares move; mutant: given to both sides") {
    const Dataset data = numbered(3000);
    const Kernel kernel = factorization(data);
    for (const int rounds : {1, 7})
      for (const std::size_t overlap : {0u, 1u}) {
        cuda::Dealer dealer(kernel, data, 0, true);
        std::set<std::size_t> cuts;
        deal(dealer, data, 4, rounds, overlap, [&](Visits& visits, std::size_t cut) {
          cuts.insert(cut);
          CHECK(visits.each_once() == (overlap == 0));
          if (overlap == 0) CHECK(visits.one_side_a_user());
          CHECK(visits.sides_of_user.size() > 100);
        });
        CHECK(cuts.size() >= 2);
      }
    cuda::Dealer alone(kernel, data, 0, false);
    deal(alone, data, 2, 1, 0, [&](Visits& visits, std::size_t cut) {
      CHECK(visits.each_once());
      CHECK(cut == 0);
    });
  }

  TEST_CASE("split: the cut is where both sides end together, and follows their speeds") {
    std::vector<cuda::GroupedData::Cut> cuts;
    for (std::size_t i = 0; i <= 64; ++i) cuts.push_back({.examples = 100 * i, .rows = 3 * i});
    CHECK(cuda::best_cut(cuts, 1, 1) == 32);
    CHECK(cuda::best_cut(cuts, 3, 1) == 48);
    CHECK(cuda::best_cut(cuts, 1, 7) == 8);
    CHECK(cuda::best_cut(cuts, 1, 1e6) == 1);  // so slow a side is still measured
    CHECK(cuda::best_cut(cuts, 1e6, 1) == 63);
    CHECK(cuda::best_cut(std::span(cuts).first(2), 1, 1) == 0);  // nowhere to cut
    // Whatever the speeds, the side that ends first waits for less than the other needs for two parts.
    for (double gpu = 0.03; gpu < 30; gpu *= 1.3) {
      const std::size_t at = cuda::best_cut(cuts, 1, gpu);
      const double cpu_seconds = 100. * static_cast<double>(at), gpu_seconds = (6400 - 100. * static_cast<double>(at)) / gpu;
      CHECK(std::abs(cpu_seconds - gpu_seconds) <= 100 + 100 / gpu);
    }
  }

  TEST_CASE("split: rows that one side owns are handed over bit by bit; mutants: a row that is not handed over") {
    using Fault = Forgetful::Fault;
    for (const Fault fault : {Fault::none, Fault::not_to_device, Fault::not_to_host}) {
      CAPTURE(static_cast<int>(fault));
      Forgetful device(fault);
      constexpr std::size_t kWidth = 16, kRows = 512, kCut = 128;
      const Layout layout{{.rows = kRows, .width = kWidth}, {.rows = 64, .width = kWidth}};
      Parameters master(layout, Memory(layout.floats(), device.allocate(cuda::Where::host, layout.floats() * sizeof(float))));
      float* const on_host = master.memory().data();
      cuda::Mirror mirror(device, master, MergeRule::guarded, 0);
      CHECK(mirror.bytes_exchanged() == (master.layout().floats() - master.layout().offset(1)) * sizeof(float));
      Random random(3, 1);
      const auto write = [&](float* rows, std::size_t first, std::size_t last) {
        for (std::size_t i = first * kWidth; i < last * kWidth; ++i) rows[i] = static_cast<float>(random.uniform() - 0.5);
      };
      float* const on_device = mirror.cells().write[0];
      write(on_host, 0, kRows);
      mirror.refresh();
      mirror.hand_to_device(kCut, kRows);
      device.forget();
      bool exact = true;
      const auto round = [&](std::size_t cut) {  // both sides write their own rows; then all of them are the owner's, on the host
        write(on_host, 0, cut);
        write(on_device, cut, kRows);
        const auto cpu = owned_rows(on_host, 0, cut, kWidth), gpu = owned_rows(on_device, cut, kRows, kWidth);
        mirror.reconcile(0.5f);
        mirror.hand_to_host(cut, kRows);
        exact &= std::memcmp(on_host, cpu.data(), cpu.size() * sizeof(float)) == 0;
        exact &= std::memcmp(on_host + cut * kWidth, gpu.data(), gpu.size() * sizeof(float)) == 0;
      };
      round(kCut);
      round(2 * kCut);  // rows go to the CPU
      mirror.hand_to_device(kCut, 2 * kCut);  // and back
      exact &= std::memcmp(on_device + kCut * kWidth, on_host + kCut * kWidth, kCut * kWidth * sizeof(float)) == 0;
      round(kCut);
      CHECK(exact == (fault == Fault::none));
    }
  }

  TEST_CASE("split: a run trains as a mirror does, each example once, and says what an exchange carries") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = factorization(data);
    Options options = options_for(Mode::serial, static_cast<int>(scaled(20, 3)), 2);
    const double serial = train(kernel, data, options).curve.back().train_loss;
    options.mode = Mode::hogwild;
    for (const GpuMode mode : {GpuMode::gpu, GpuMode::hybrid}) {
      const auto backend = cuda::make_hybrid({.mode = mode, .placement = PlacementName::split, .gpu_streams = 2, .sync_ms = 0.5},
                                             cuda::make_emulated_device(), shm::make_backend(options));
      const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
      CHECK(result.curve.back().train_loss < (kThreadSanitizer ? 1.3 : 1.03) * serial);
      const std::uint64_t all = data.size() * static_cast<std::uint64_t>(options.epochs);
      CHECK(result.curve.back().examples == all);
      CHECK(result.telemetry.examples() + result.telemetry.gpu_updates.value_or(0) == all);
      CHECK(backend->remark().find("placement split") != std::string::npos);
      const std::size_t all_bytes = kernel.layout.floats() * sizeof(float), shared = all_bytes - kernel.layout.offset(1) * sizeof(float);
      CHECK(backend->remark().find("an exchange is of " + std::to_string(shared) + " bytes, that of a mirror of all would be of " + std::to_string(all_bytes)) !=
            std::string::npos);
    }
  }

  TEST_CASE("split: a run that diverges, or is told to stop, ends") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = factorization(data);
    Options options = options_for(Mode::hogwild, 5, 2);
    options.step = 100;
    const auto run = [&] {
      const auto backend = cuda::make_hybrid({.placement = PlacementName::split}, cuda::make_emulated_device(), shm::make_backend(options));
      return fit(Problem{.kernel = kernel, .train = data}, options, *backend);
    };
    CHECK(run().stopped == Stopped::diverged);
    std::atomic<bool> stop{true};
    options.step = 0;
    options.stop = &stop;
    CHECK(run().stopped == Stopped::interrupted);
  }

  TEST_CASE("split: where a run is stopped within an epoch, its updates are those that the GPU has done") {
    struct Stopping final : ForwardingDevice {
      explicit Stopping(std::atomic<bool>& stop) : stop_(stop) {}
      std::unique_ptr<cuda::Stream> stream(bool urgent) override {
        struct StoppingStream final : ForwardingStream {
          StoppingStream(std::unique_ptr<cuda::Stream> real, Stopping& on) : ForwardingStream(std::move(real)), on_(on) {}
          void step(const cuda::StepProgram& program, const void* model, const cuda::Segment& segment) override {
            ForwardingStream::step(program, model, segment);
            if (++on_.segments_ == 7) on_.stop_ = true;
          }
          Stopping& on_;
        };
        return std::make_unique<StoppingStream>(real_->stream(urgent), *this);
      }
      std::atomic<bool>& stop_;
      std::atomic<int> segments_{0};
    };
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = factorization(data);
    Options options = options_for(Mode::serial, 50, 1);
    for (const int streams : {1, 3}) {
      std::atomic<bool> stop{false};
      options.stop = &stop;
      const auto backend = cuda::make_hybrid({.mode = GpuMode::gpu, .placement = PlacementName::split, .gpu_streams = streams, .gpu_workers = 4}, std::make_unique<Stopping>(stop),
                                             shm::make_backend(options));
      const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
      CHECK(result.stopped == Stopped::interrupted);
      CHECK(result.curve.back().examples < data.size() * 50);
      CHECK(result.curve.back().examples == result.telemetry.gpu_updates);
    }
  }

  TEST_CASE("split: updates before a back-off stay the GPU's") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = factorization(data);
    Options options = options_for(Mode::serial, 2, 1);
    options.step = 100;
    options.backoff = true;
    const auto backend = cuda::make_hybrid({.mode = GpuMode::gpu, .placement = PlacementName::split, .gpu_streams = 2}, cuda::make_emulated_device(), shm::make_backend(options));
    const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
    REQUIRE(!result.backoffs.empty());
    CHECK(result.curve.back().updates == result.telemetry.gpu_updates);
  }

  TEST_CASE("split: mutants of a run, rows of the GPU that never come back, or never came") {
    const Dataset data = small_set(ModelName::mf);
    const Kernel kernel = factorization(data);
    const Options options = options_for(Mode::hogwild, 2, 2);
    const auto loss = [&](Forgetful::Fault fault) {
      auto device = std::make_unique<Forgetful>(fault);
      device->forget();
      const auto backend = cuda::make_hybrid({.placement = PlacementName::split}, std::move(device), shm::make_backend(options));
      const Result result = fit(Problem{.kernel = kernel, .train = data}, options, *backend);
      return result.stopped == Stopped::epochs ? result.curve.back().train_loss : 1e30;
    };
    const double good = loss(Forgetful::Fault::none);
    CHECK(good < 1e30);
    CHECK(loss(Forgetful::Fault::not_to_host) > good);
    CHECK(loss(Forgetful::Fault::not_to_device) == 1e30);  // NaN: everything diverges
  }
}
