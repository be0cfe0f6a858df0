// Answers of many rows, which come in several frames.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "protocol/kv_client.hpp"
#include "protocol/policy.hpp"
#include "protocol/shard_server.hpp"

using namespace sounder;
using namespace sounder::mpi;

namespace {

/// Counts how often it was told of each row of table 0 that a worker was sent.
class Sent final : public Updater {
 public:
  explicit Sent(std::vector<int>& times) : times_(times) {}
  void apply(ShardRows&, const PushView&) override {}
  void sent(ShardRows& shard, int, std::span<const Run> runs, std::span<const float> values) override {
    std::size_t floats = 0;
    for (const Run& run : runs) {
      floats += run.count * static_cast<std::size_t>(shard.width(run.table));
      for (std::uint64_t row = run.first; run.table == 0 && row < run.first + run.count; ++row) ++times_[shard.whole_row(0, row)];
    }
    CHECK(values.size() == floats);
  }

 private:
  std::vector<int>& times_;
};

/// Worker 0 and two servers, ranks 1 and 2. What is done to the answers on their way is up to the test.
class Store final : public Outbox {
 public:
  explicit Store(std::vector<KvTable> tables) : map_(std::move(tables), 2), client(map_, {.self = 0, .workers = 1, .first_server = 1}, policy()) {
    values.resize(map_.floats(map_.everything(), &KvTable::width));
    std::iota(values.begin(), values.end(), 1.f);
    sent.resize(map_.tables()[0].rows);
    for (int server = 0; server < 2; ++server)
      servers_.push_back(std::make_unique<ShardServer>(
          map_, ShardServer::Options{.server = server, .workers = 1, .updater = [this](ShardRows&, int) { return std::make_unique<Sent>(sent); }}, policy(), values));
  }
  void send(int to, Header header, Payload payload) override {
    header.source = from_;
    under_way_.emplace_back(to, Frame{header, std::move(payload)});
  }
  /// Returns whether the pull ended.
  bool pull(std::span<const Run> runs, std::span<float> out, const std::function<void(const Frame&)>& arrives) {
    bool done = false;
    client.pull(runs, out, [&] { done = true; }, *this);
    for (; !under_way_.empty(); under_way_.pop_front()) {
      auto& [to, frame] = under_way_.front();
      if (frame.header.kind == Kind::values) {
        longest = std::max(longest, frame.payload.size());
        ++answers;
        arrives(frame);
      } else {
        from_ = to;
        servers_[static_cast<std::size_t>(to - 1)]->on_frame(frame, *this);
        from_ = 0;
      }
    }
    return done;
  }

 private:
  static std::shared_ptr<const Policy> policy() { return std::make_shared<Policy>(Policy::async()); }
  ShardMap map_;
  std::vector<std::unique_ptr<ShardServer>> servers_;
  std::deque<std::pair<int, Frame>> under_way_;
  int from_ = 0;

 public:
  KvClient client;
  std::vector<float> values;
  std::vector<int> sent;
  std::size_t longest = 0;
  int answers = 0;
};

constexpr std::uint64_t kRows = 40'000;
constexpr int kWidth = 11;

std::unique_ptr<Store> make_store() { return std::make_unique<Store>(std::vector<KvTable>{{.rows = kRows, .width = kWidth}, {.rows = 3, .width = 100'000}}); }

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("an answer of many rows comes in frames of 256 KiB, each row once, also where frames come twice") {
    for (const bool twice : {false, true}) {
      const auto store = make_store();
      std::vector<float> out(store->values.size());
      const std::vector<Run> everything{{0, kRows, 0}, {1, 3, 0}};
      CHECK(store->pull(everything, out, [&](const Frame& frame) {
        for (int i = 0; i <= twice; ++i) store->client.on_frame(frame, *store);
      }));
      CHECK(out == store->values);
      CHECK(store->answers >= 2 * static_cast<int>(kRows * kWidth / 2 / 65536) + 3);  // and the rows that are longer than a frame, each by itself
      CHECK(store->longest < 100'000 * sizeof(float) + 64);
      CHECK(std::ranges::all_of(store->sent, [](int times) { return times == 1; }));
    }
  }

  TEST_CASE("sparse rows of an answer come to their places, whatever frame they are in") {
    const auto store = make_store();
    std::vector<Run> runs;
    std::vector<float> expected;
    for (std::uint64_t row = 1; row + 7 < kRows; row += 9) {
      runs.push_back({0, 7, row});
      expected.insert(expected.end(), store->values.begin() + static_cast<std::ptrdiff_t>(row * kWidth), store->values.begin() + static_cast<std::ptrdiff_t>((row + 7) * kWidth));
    }
    runs.insert(runs.begin(), {1, 1, 2});
    expected.insert(expected.begin(), store->values.end() - 100'000, store->values.end());
    std::vector<float> out(expected.size());
    CHECK(store->pull(runs, out, [&](const Frame& frame) { store->client.on_frame(frame, *store); }));
    CHECK(out == expected);
  }

  TEST_CASE("a pull does not end without one of the frames of its answer") {
    for (const int lost : {0, 2, 5}) {
      const auto store = make_store();
      std::vector<float> out(store->values.size());
      const std::vector<Run> everything{{0, kRows, 0}, {1, 3, 0}};
      int arrived = 0;
      CHECK_FALSE(store->pull(everything, out, [&](const Frame& frame) {
        if (arrived++ != lost) store->client.on_frame(frame, *store);
      }));
      CHECK(store->client.awaited().size() == 1);
    }
  }
}
