// Law: under `roundrobin` the order of the writes is that of the examples.
#include <atomic>
#include <vector>

#include <doctest/doctest.h>

#include "modes/mode.hpp"
#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

/// One row; what is left in it tells the order of the writes apart, whatever the gradients read.
struct Ordered {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset&) const { return Layout{{.rows = 1, .width = 1}}; }
  template <class V>
  void step(V& view, const Example& x) const {
    // The part a * w is taken by who writes, from the cell as it is then: so each write depends on all earlier ones.
    view.descend(weights, 0, view.read(weights, 0), static_cast<float>(static_cast<int>(x.label) % 7) / 8, -1.f);
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
    f(0, 0);
  }
};

float end_of(Mode mode, int workers) {
  const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(501, {0}));
  const Kernel kernel = make_kernel(Ordered{}, data, "ordered");
  Options options = options_for(mode, 2, workers);
  options.step = 0.5;
  return train(kernel, data, options).parameters.row(0, 0)[0];
}

}  // namespace

TEST_SUITE("shm") {
  TEST_CASE("roundrobin: writes come in the order of the examples, for any number of workers") {
    for (const int workers : {1, 2, 3}) CHECK(end_of(Mode::roundrobin, workers) == end_of(Mode::serial, 1));
  }

  TEST_CASE("mutant: one example out of its turn is seen") {
    const Dataset data = examples_of(std::vector<std::vector<std::uint32_t>>(501, {0}));
    const Kernel kernel = make_kernel(Ordered{}, data, "ordered");
    const auto end_with = [&](std::size_t late) {  // example `late` is written after its successor
      Parameters parameters(kernel.layout);
      const StepContext context{.cells = parameters.cells(), .rate = 0.5};
      std::vector<Gradient> gradients;
      for (int i = 0; i < 2; ++i) gradients.emplace_back(kernel);
      const auto write = [&](Gradient& gradient) {
        gradient.apply(context, gradient.rows(), nullptr);
        gradient.clear();
      };
      for (std::size_t i = 0; i + 1 < 501; i += 2) {
        gradients[0].collect(context, data.examples(), i, i + 1);
        gradients[1].collect(context, data.examples(), i + 1, i + 2);
        write(gradients[i == late]);
        write(gradients[i != late]);
      }
      return parameters.row(0, 0)[0];
    };
    CHECK(end_with(501) != end_with(498));
  }
}
