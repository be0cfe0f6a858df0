// Ranks as threads that run a mode whose training is a function of the test.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/data/census.hpp>
#include <sounder/mpi/world.hpp>

#include "collectives.hpp"
#include "modes/mode.hpp"

namespace sounder::mpi::test {

/// What a round makes of the weights of a rank, packed.
using Train = std::function<void(int rank, int round, std::vector<float>& weights)>;

/// A table of single weights, one of rows of 16, and a row alone, with a float of rule state beside each weight.
inline Layout small_layout(std::size_t rows = 7) { return Layout({{.rows = rows}, {.rows = 3, .width = 16}, {.rows = 1}}, 1); }

class StubBackend final : public Backend {
 public:
  StubBackend(int rank, Parameters& parameters, const Train& train) : rank_(rank), parameters_(parameters), train_(train) {}
  Team& team() override { return team_; }
  void prepare(const Kernel&, const Dataset&, Parameters&) override {}
  void run(const Round& round, ChunkQueue& queue) override {
    queue.take_all();
    std::vector<float> weights(packed_size(parameters_.layout()));
    pack(parameters_, weights);
    train_(rank_, round.index, weights);
    unpack(weights, parameters_);
  }

 private:
  int rank_;
  Parameters& parameters_;
  const Train& train_;
  SerialTeam team_;
};

struct Herd {
  int ranks = 1;
  Options mpi{};
  std::vector<int> rounds{};            ///< that each rank runs
  std::vector<std::size_t> examples{};    ///< of a round of each rank; empty: 10. 0: the rank has no data
  Layout layout = small_layout();
  Train train = [](int, int, std::vector<float>&) {};
  std::function<std::unique_ptr<RankDiscipline>(const Setting&)> make{};
  std::function<void(Kernel&)> with_kernel = [](Kernel&) {};
};

/// What came out on a rank.
struct Outcome {
  std::vector<std::vector<float>> after;  ///< each round
  std::vector<float> end;
  std::vector<float> states;  ///< the rule state of the first table
  std::vector<std::size_t> taken;
  std::size_t pads = 0;
  ModeTelemetry telemetry;
  std::string error;
};

inline std::vector<float> start_weights(const Layout& layout) {
  std::vector<float> weights(packed_size(layout));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.1f * static_cast<float>(i % 17) - 0.5f;
  return weights;
}

/// Runs all ranks to their end. Rule states begin as the number of the rank.
inline std::vector<Outcome> run(const Herd& herd, const std::function<void(int rank, Options&)>& own_options = {}) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(herd.ranks));
  Columns columns;
  columns.width = 1;
  columns.values = {1, 2};
  columns.labels = {-1, 1};
  const Dataset data = Dataset::train(std::move(columns), 1);
  Columns no_columns;
  no_columns.width = 1;
  const Dataset no_data = Dataset::part(std::move(no_columns), {}, {}, std::make_shared<const Census>(), "");
  World::run_inproc(herd.ranks, [&](World& world) {
    const int rank = world.rank();
    const auto me = static_cast<std::size_t>(rank);
    Outcome& out = outcomes[me];  // each rank writes its own
    Kernel kernel;
    kernel.layout = herd.layout;
    herd.with_kernel(kernel);
    Parameters parameters(herd.layout);
    unpack(start_weights(herd.layout), parameters);
    for (std::size_t row = 0; row < herd.layout.shape(0).rows; ++row)
      for (float& state : parameters.row_with_state(0, row).subspan(1)) state = static_cast<float>(rank);
    StubBackend backend(rank, parameters, herd.train);
    const sounder::Options options{};
    Options mpi = herd.mpi;
    if (own_options) own_options(rank, mpi);
    try {
      const auto mode = herd.make(Setting{.world = world, .endpoint = world.endpoint(), .workers = herd.ranks, .kernel = kernel,
                                          .data = herd.examples.empty() || herd.examples[me] > 0 ? data : no_data, .shard_begins = {}, .first_shard = 0, .all_examples = 2,
                                          .parameters = parameters, .backend = backend, .options = options, .mpi = mpi});
      for (int round = 0; round < herd.rounds[me]; ++round) {
        ChunkQueue queue(herd.examples.empty() ? 10 : herd.examples[me], 4);
        queue.open(1);
        mode->run({.round = {.index = round}, .queue = queue, .ranges = {}}, [&] { ++out.pads; });
        out.taken.push_back(queue.taken());
        out.after.emplace_back(packed_size(herd.layout));
        pack(parameters, out.after.back());
      }
      mode->leave();
      barrier(world.endpoint());
      mode->finish();
      out.telemetry = mode->telemetry();
    } catch (const Error& error) {
      out.error = error.what();
    }
    out.end.resize(packed_size(herd.layout));
    pack(parameters, out.end);
    for (std::size_t row = 0; row < herd.layout.shape(0).rows; ++row) out.states.push_back(parameters.row_with_state(0, row)[1]);
  });
  return outcomes;
}

/// A number in [-1, 1) of its own for each rank, round and weight.
inline float noise(int rank, int round, std::size_t i) {
  std::uint64_t x = static_cast<std::uint64_t>(rank) * 1000003 + static_cast<std::uint64_t>(round) * 7919 + i;
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185, x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44d;
  return static_cast<float>(static_cast<double>(x >> 40) / (1 << 23) - 1);
}

/// Draws the weights together, and towards places that differ from rank to rank.
inline void wander(int rank, int round, std::vector<float>& weights) {
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.9f * weights[i] + noise(rank, round, i);
}

inline double largest_difference(std::span<const float> a, std::span<const double> b) {
  double most = a.size() == b.size() ? 0 : 1e30;
  for (std::size_t i = 0; most < 1e30 && i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

}  // namespace sounder::mpi::test
