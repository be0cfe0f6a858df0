// What kernels compute, on lanes that a thread plays: the steps of one CPU thread, each example once.
#include <doctest/doctest.h>

#include <numeric>

#include <sounder/data/random.hpp>
#include <sounder/params/gradient.hpp>

#include "device/device.hpp"
#include "kernels/models.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// Examples of 0 to 70 entries, so that lanes have none, some, or several, and the last ones differ.
Dataset ragged(ModelName model, bool with_values) {
  Columns columns = relabelled(load("synthetic:zipf,features=300,nonzeros=4,examples=203"), model);
  Columns ragged = columns;
  ragged.ids.clear(), ragged.values.clear(), ragged.offsets.assign(1, 0);
  Random random(7, 0);
  for (std::size_t i = 0; i < columns.labels.size(); ++i) {
    const std::uint64_t size = i % 9 == 0 ? 0 : random.below(70);
    std::uint32_t id = 0;
    for (std::uint64_t j = 0; j < size; ++j) {
      ragged.ids.push_back(id += 1 + static_cast<std::uint32_t>(random.below(4)));
      if (with_values) ragged.values.push_back(0.1f + 0.01f * static_cast<float>(random.below(50)));
    }
    ragged.offsets.push_back(ragged.ids.size());
  }
  return Dataset::train(std::move(ragged), 1);
}

constexpr std::size_t kChunk = 32;

std::vector<std::uint32_t> identity(const Dataset& data) {
  std::vector<std::uint32_t> order((data.size() + kChunk - 1) / kChunk);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

/// The largest difference of the weights after an epoch of one CPU thread, and one of a single worker of the emulated device.
double difference(const Kernel& kernel, const Dataset& data, cuda::UpdateName update, double nonzeros) {
  const float rate = static_cast<float>(kernel.default_step / 4);
  Parameters reference(kernel.layout), own(kernel.layout);
  kernel.initialize(reference, 3);
  kernel.initialize(own, 3);
  StepContext context{.cells = reference.cells(), .rate = rate};
  kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), 0, data.size());

  const auto device = cuda::make_emulated_device();
  const auto program = device->program(kernel, {.update = update, .nonzeros = nonzeros});
  REQUIRE(static_cast<bool>(program.start));
  const auto order = identity(data);
  const cuda::Segment segment{.cells = own.cells(),
                              .examples = data.examples(),
                              .rarity = data.rarity().data(),
                              .order = order.data(),
                              .chunks = order.size(),
                              .per_chunk = kChunk,
                              .rate = rate};
  program.start(kernel.model.get(), segment, nullptr);
  return distance(reference, own);
}

}  // namespace

TEST_SUITE("cuda") {
  TEST_CASE("kernels: one worker takes the steps of one CPU thread, for every model, width and shape of data") {
    for (const ModelName model : {ModelName::logistic, ModelName::svm, ModelName::squared, ModelName::softmax, ModelName::fm})
      for (const bool with_values : {true, false})
        for (const double l2 : {0., 1e-3})
          for (const double nonzeros : {4., 60.})  // 8 lanes, 32 lanes
            for (const cuda::UpdateName update : {cuda::UpdateName::racy, cuda::UpdateName::red}) {
              CAPTURE(std::string(name_of(kModels, model)));
              CAPTURE(with_values);
              CAPTURE(l2);
              CAPTURE(nonzeros);
              CAPTURE(std::string(name_of(cuda::kUpdates, update)));
              const Dataset data = ragged(model, with_values);
              CHECK(difference(builtin_kernel({.model = model, .l2 = l2, .factors = 16}, data), data, update, nonzeros) < 2e-5);
            }
    const Dataset ratings = small_set(ModelName::mf);
    for (const int factors : {16, 30, 64, 128, 200})
      CHECK(difference(builtin_kernel({.model = ModelName::mf, .l2 = 0.02, .factors = factors}, ratings), ratings, cuda::UpdateName::racy, 2) < 2e-5);
  }

  TEST_CASE("kernels: gathering adds up what a CPU thread gathers; mutant: a step of the same rate is no gradient") {
    struct Difference {
      double sums = 0, decays = 0;  ///< the largest of a cell
      double elsewhere = 0;         ///< what came to rows that no example touches
      double decay = 0;             ///< the largest that was expected
    };
    const auto compare = [](const Kernel& kernel, const Dataset& data, double nonzeros, bool gathers) {
      Parameters parameters(kernel.layout);
      kernel.initialize(parameters, 3);
      Gradient gradient(kernel);
      gradient.collect({.cells = parameters.cells()}, data.examples(), 0, data.size());
      gradient.close_intercept();

      const std::size_t floats = parameters.memory().floats();
      std::vector<float> sums(2 * floats);
      Cells cells = parameters.cells();
      std::ranges::copy(parameters.cells(sums.data()).write, cells.write);
      const auto order = identity(data);
      const auto program = cuda::make_emulated_device()->program(kernel, {.nonzeros = nonzeros, .gathers = true});
      REQUIRE(static_cast<bool>(program.start));
      program.start(kernel.model.get(),
                    {.cells = cells,
                     .examples = data.examples(),
                     .rarity = data.rarity().data(),
                     .order = order.data(),
                     .chunks = order.size(),
                     .per_chunk = kChunk,
                     .rate = -1,
                     .groups = 3,
                     .decays = gathers ? static_cast<std::ptrdiff_t>(floats) : 0},
                    nullptr);
      Difference difference;
      for (const float sum : sums) difference.elsewhere += std::abs(sum);
      const Cells found = parameters.cells(sums.data()), found_decays = parameters.cells(sums.data() + floats);
      for (const RowId row : gradient.rows()) {
        const std::span<const float> expected = gradient.sums(row);
        const std::size_t width = expected.size() / 2;
        for (std::size_t i = 0; i < width; ++i) {
          const double sum = found.read[row.table][row.row * width + i], decay = found_decays.read[row.table][row.row * width + i];
          difference.sums = std::max(difference.sums, std::abs(expected[i] - sum));
          difference.decays = std::max(difference.decays, std::abs(expected[width + i] - decay));
          difference.decay = std::max(difference.decay, double{expected[width + i]});
          difference.elsewhere -= std::abs(sum) + std::abs(decay);
        }
      }
      return difference;
    };
    const auto check = [&](const Kernel& kernel, const Dataset& data, double nonzeros) {
      const Difference found = compare(kernel, data, nonzeros, true);
      CHECK(found.decay > 0);
      CHECK(found.sums < 1e-4);
      CHECK(found.decays < 1e-4 * found.decay);
      CHECK(std::abs(found.elsewhere) < 1e-2);
      CHECK(compare(kernel, data, nonzeros, false).decays > 0.5 * found.decay);
    };
    for (const ModelName model : {ModelName::logistic, ModelName::svm, ModelName::squared, ModelName::softmax, ModelName::fm})
      for (const double nonzeros : {4., 60.}) {
        CAPTURE(std::string(name_of(kModels, model)));
        const Dataset data = ragged(model, true);
        check(builtin_kernel({.model = model, .l2 = 1e-3, .factors = 16}, data), data, nonzeros);
      }
    const Dataset ratings = small_set(ModelName::mf);
    for (const int factors : {16, 128}) check(builtin_kernel({.model = ModelName::mf, .l2 = 0.02, .factors = factors}, ratings), ratings, 2);
  }

  TEST_CASE("mutant: one example that is left out is more than that difference") {
    const Dataset data = ragged(ModelName::logistic, true);
    const Kernel kernel = builtin_kernel({.model = ModelName::logistic}, data);
    const auto after = [&](std::size_t first) {
      Parameters parameters(kernel.layout);
      StepContext context{.cells = parameters.cells(), .rate = static_cast<float>(kernel.default_step / 4)};
      kernel.step_of(AccessKind::relaxed)(kernel.model.get(), context, data.examples(), first, data.size());
      return parameters;
    };
    CHECK(distance(after(0), after(1)) > 2e-5);
  }

  TEST_CASE("segments: every example is visited once, by any number of workers; mutants: one piece less, one twice") {
    struct Counting {
      std::vector<int>* visits;
      struct View {};
      void step(View&, const Example& x) const { ++(*visits)[static_cast<std::size_t>(x.label)]; }
    };
    for (const std::size_t examples : {1u, 15u, 16u, 17u, 128u, 500u, 1031u})
      for (const std::size_t per_chunk : {1u, 5u, 16u, 32u, 40u, 128u})  // rounds between ranks cut chunks of any size
        for (const int groups : {1, 3, 64, 1000})
          for (const int mutant : {0, -1, 1}) {  // workers that run too few, or too many
            std::vector<float> labels(examples);
            std::iota(labels.begin(), labels.end(), 0.f);
            std::vector<std::uint32_t> order((examples + per_chunk - 1) / per_chunk);
            std::iota(order.rbegin(), order.rend(), 0u);
            std::vector<int> visits(examples);
            const std::vector<float> values(examples, 1.f);
            cuda::Segment segment{.cells = {},
                                  .examples = {nullptr, nullptr, values.data(), labels.data(), 1, examples},
                                  .order = order.data(),
                                  .per_chunk = per_chunk,
                                  .groups = groups};
            Counting::View view;
            for (std::size_t first = 0; first < order.size(); first += segment.chunks) {  // ragged segments
              segment.first = first;
              segment.chunks = std::min<std::size_t>(1 + first % 3, order.size() - first);
              for (int group = mutant > 0 ? -1 : 0; group < groups + (mutant < 0 ? -1 : 0); ++group)
                cuda::step_on_pieces(Counting{&visits}, view, segment, static_cast<std::size_t>(std::max(0, group)));
            }
            const bool once = std::all_of(visits.begin(), visits.end(), [](int n) { return n == 1; });
            // The last of many workers may have nothing to do.
            if (mutant >= 0 || groups == 1 || (groups == 3 && per_chunk == 128 && examples >= 128)) CHECK(once == (mutant == 0));
          }
  }
}
