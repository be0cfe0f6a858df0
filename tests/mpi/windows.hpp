// What every window must keep to, and a window that loses adds: it gets, and puts later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "collectives.hpp"
#include "transport/window.hpp"

namespace sounder::test {

/// All ranks add whole numbers to the same floats of all, at once, in pieces that overlap. Whether each came to the exact sum, with all counts, a
/// rank's reads held what it had added, and what it had not added to stayed.
inline bool keeps_all_adds(mpi::Endpoint& endpoint, const mpi::WindowOpener& open, int rounds = 20) {
  using namespace mpi;
  constexpr std::size_t kFloats = 300, kCounts = 2;
  const std::vector<WindowPiece> pieces{{3, 1}, {7, 100}, {110, 2}, {299, 1}};
  constexpr std::size_t kAdded = 104;
  const auto mine = static_cast<float>(endpoint.rank() + 1), ranks = static_cast<float>(endpoint.size());
  const std::vector<float> own(kFloats, 5);
  std::unique_ptr<Window> window;
  endpoint.run([&] { window = open(endpoint.transport(), own, kCounts); });
  barrier(endpoint);
  bool good = true;
  const auto end = [&] { endpoint.poll([&] { return window->done(); }, {.what = "a window", .clock = 0, .on = {}}); };
  std::vector<std::shared_ptr<std::vector<float>>> reads;
  for (int round = 0; round < rounds; ++round) {
    reads.clear();
    endpoint.run([&] {
      for (int to = 0; to < endpoint.size(); ++to) {
        window->add(to, pieces, std::make_shared<const std::vector<float>>(kAdded, mine));
        window->count(to, {1, 2}, std::make_shared<std::vector<std::uint64_t>>(kCounts));
      }
    });
    barrier(endpoint);  // a get and a put are apart then, on all ranks
    end();
    endpoint.run([&] {
      for (int of = 0; of < endpoint.size(); ++of) window->read(of, pieces, reads.emplace_back(std::make_shared<std::vector<float>>(kAdded)));
    });
    end();
    for (const auto& read : reads)
      for (const float value : *read) good &= value >= 5 + static_cast<float>(round + 1) * mine;
  }
  barrier(endpoint);
  for (int of = 0; of < endpoint.size(); ++of) {
    const auto all = std::make_shared<std::vector<float>>(kFloats);
    const auto counts = std::make_shared<std::vector<std::uint64_t>>(kCounts);
    const WindowPiece everything{0, kFloats};
    endpoint.run([&] { window->read(of, {&everything, 1}, all), window->count(of, {0, 0}, counts); });
    end();
    std::vector<float> sum = own;
    for (const WindowPiece& piece : pieces)
      for (std::size_t i = piece.first; i < piece.first + piece.count; ++i) sum[i] += static_cast<float>(rounds) * ranks * (ranks + 1) / 2;
    good &= *all == sum;
    const auto adds = static_cast<std::uint64_t>(rounds) * static_cast<std::uint64_t>(endpoint.size());
    good &= *counts == std::vector<std::uint64_t>{adds, 2 * adds};
  }
  barrier(endpoint);
  endpoint.run([&] { window->close(), window.reset(); });
  return good;
}

/// Adds by a get, and a put when it is asked whether it is done and Memory lets it. Memory: get and put(rank, first float or count, values), may_put().
template <class Memory>
class LosesAdds final : public mpi::Window {
 public:
  explicit LosesAdds(Memory memory) : memory_(std::move(memory)) {}
  void read(int rank, std::span<const mpi::WindowPiece> pieces, std::shared_ptr<std::vector<float>> out) override {
    float* to = out->data();
    for (const mpi::WindowPiece& piece : pieces) memory_.get(rank, piece.first, std::span(to, piece.count)), to += piece.count;
  }
  void add(int rank, std::span<const mpi::WindowPiece> pieces, std::shared_ptr<const std::vector<float>> values) override {
    const float* from = values->data();
    for (const mpi::WindowPiece& piece : pieces) {
      std::vector<float> got(piece.count);
      memory_.get(rank, piece.first, std::span(got));
      for (float& value : got) value += *from++;
      puts_.push_back({rank, piece.first, std::move(got)});
    }
    memory_.got();
  }
  void count(int rank, std::vector<std::uint64_t> by, std::shared_ptr<std::vector<std::uint64_t>> before) override { memory_.count(rank, by, *before); }
  bool done() override {
    if (!memory_.may_put()) return false;
    for (const Put& put : puts_) memory_.put(put.rank, put.first, std::span<const float>(put.values));
    puts_.clear();
    return true;
  }
  std::vector<int> awaited() const override { return {}; }
  void close() override { memory_.close(); }

 private:
  struct Put {
    int rank;
    std::uint64_t first;
    std::vector<float> values;
  };
  Memory memory_;
  std::vector<Put> puts_;
};

}  // namespace sounder::test
