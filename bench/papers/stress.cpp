// Row 14 (PyTorch-BigGraph's test): AdaGrad where the sums of squares race, self-inclusive and not.
#include <algorithm>
#include <cmath>

#include <sounder/data/load.hpp>
#include <sounder/data/random.hpp>
#include <sounder/rule/adagrad.hpp>
#include <sounder/shm/backend.hpp>
#include <sounder/train/fit.hpp>

#include "program.hpp"

using namespace sounder;

namespace {

constexpr float kRate = 0.1f;

struct Cell {
  float weight = 0, sum = 0;
};

/// A virtual worker. A step of the test adds up 10 rows of a table, so the gradient is 1 in 10 cells and 0 in the others;
/// as the framework's optimizer is dense, it goes over all cells. One call of advance() is one load or store.
class Worker {
 public:
  Worker(std::vector<Cell>& cells, bool inclusive, std::uint64_t stream)
      : cells_(cells), inclusive_(inclusive), random_(7, stream), gradient_(cells.size()) {}

  int steps() const { return steps_; }

  void advance() {
    if (cell_ == 0 && operation_ == 0 && pass_ == 0) draw();
    inclusive_ ? inclusive(cells_[cell_]) : naive(cells_[cell_]);
  }

 private:
  void draw() {
    std::fill(gradient_.begin(), gradient_.end(), 0.f);
    for (int k = 0; k < 10; ++k) gradient_[random_.below(gradient_.size())] = 1;
  }

  /// The library's rule on local copies: G and w are read once, and stored from there.
  void inclusive(Cell& cell) {
    switch (operation_++) {
      case 0: old_ = cell.weight; return;
      case 1: state_[0] = cell.sum; return;
      case 2: next_ = AdaGrad{kRate}.next(state_, old_, 0.f, gradient_[cell_], 1.f), cell.sum = state_[0]; return;
      default: cell.weight = next_; return next_cell(1);
    }
  }

  /// First G += g^2 in all cells, then w -= rate g / root(G) with G as it is found in memory by then.
  void naive(Cell& cell) {
    const float g = gradient_[cell_];
    if (pass_ == 0) {
      if (operation_++ == 0) return state_[0] = cell.sum, void();
      cell.sum = state_[0] + g * g;
      return next_cell(2);
    }
    switch (operation_++) {
      case 0: state_[0] = cell.sum; return;
      case 1: old_ = cell.weight; return;
      default: cell.weight = old_ - kRate * g / (std::sqrt(state_[0]) + 1e-10f); return next_cell(2);
    }
  }

  void next_cell(int passes) {
    operation_ = 0;
    if (++cell_ < cells_.size()) return;
    cell_ = 0;
    if (++pass_ == passes) pass_ = 0, ++steps_;
  }

  std::vector<Cell>& cells_;
  bool inclusive_;
  Random random_;
  std::vector<float> gradient_;
  std::size_t cell_ = 0;
  int operation_ = 0, pass_ = 0, steps_ = 0;
  float old_ = 0, next_ = 0, state_[1] = {};
};

double size_of(float weight) { return std::isfinite(weight) ? std::abs(static_cast<double>(weight)) : 1e30; }

/// The largest weight when the first of the workers has done so many steps; their loads and stores alternate at random.
double simulate(std::size_t workers, bool inclusive, std::size_t cells, int steps) {
  std::vector<Cell> table(cells);
  std::vector<Worker> all;
  for (std::size_t k = 0; k < workers; ++k) all.emplace_back(table, inclusive, k);
  Random turn(3);
  for (std::size_t which = 0; all[which].steps() < steps; which = turn.below(workers)) all[which].advance();
  double largest = 0;
  for (const Cell& cell : table) largest = std::max(largest, size_of(cell.weight));
  return largest;
}

/// The same test on threads: the sum of the weights of 10 rows of a table.
struct RowSum {
  static constexpr Table<1, 0> weights{};
  Layout layout(const Dataset& data) const { return {{.rows = data.features(), .space = 0}}; }
  template <class V>
  void step(V& view, const Example& x) const { view.descend(weights, x, {}, 1.f); }
  template <class V>
  double loss(V& view, const Example& x) const { return predict(view, x); }
  template <class V>
  double predict(V& view, const Example& x) const { return static_cast<double>(view.dot(weights, x)); }
};

double train(int threads) {
  const auto data = Dataset::train(load("synthetic:cold,examples=20000,features=1000,nonzeros=10"));
  const Options options{.threads = threads, .epochs = 2, .step = static_cast<double>(kRate), .schedule = ScheduleName::constant,
                        .rule = RuleName::adagrad};
  const auto backend = shm::make_backend(options);
  const Result result = fit(RowSum{}, data, options, *backend);
  double largest = 0;
  for (std::size_t row = 0; row < data.features(); ++row)
    largest = std::max(largest, size_of(result.parameters.row(0, row)[0]));
  return largest;
}

}  // namespace

int main(int argc, char** argv) {
  return papers::main_of(argc, argv, "papers_stress", [](papers::Words) {
    constexpr std::size_t kCells = 200;
    constexpr int kSteps = 50;
    papers::print({{"bound", 10},
                   {"self_inclusive", simulate(16, true, kCells, kSteps)},
                   {"naive", simulate(16, false, kCells, kSteps)},
                   {"naive_alone", simulate(1, false, kCells, kSteps)},
                   {"threads", train(2)}});
  });
}
