// Codecs: how far off, how many bytes, and that nothing is lost but for later.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <sounder/error.hpp>
#include <sounder/mpi/world.hpp>

#include "codec/codec.hpp"
#include "codec/error_feedback.hpp"
#include "collectives.hpp"
#include "mpi/reduce/rows.hpp"
#include "reduce/coded_reducer.hpp"

using namespace sounder;
using namespace sounder::mpi;
using namespace sounder::test;

namespace {

struct Way {
  CodecName name;
  double share = 0.1;
};
const Way kWays[] = {{CodecName::int8}, {CodecName::onebit}, {CodecName::topk}};

RowSums through(const Codec& codec, const RowSums& rows) { return codec.decode(codec.encode(rows.view(), rows.sums.size())); }

/// Of all rows, as one table: sums, then decays.
std::vector<double> spread(const RowView& rows, const RowNumbers& numbers) {
  std::vector<double> all(numbers.floats() + numbers.rows());
  for (std::size_t i = 0, at = 0; i < rows.count; ++i) {
    const std::size_t width = width_of(numbers, rows.number(i)), begin = numbers.floats_before(rows.number(i));
    for (std::size_t k = 0; k < width; ++k) all[begin + k] += static_cast<double>(rows.sums[at + k]);
    at += width;
    if (!rows.decays.empty()) all[numbers.floats() + rows.number(i)] += static_cast<double>(rows.decays[i]);
  }
  return all;
}

/// How far from "told + waiting = given" some rounds end.
double lost(const Way& way, bool feedback) {
  const RowNumbers numbers(small_layout());
  const auto codec = make_codec(way.name, way.share, numbers);
  ErrorFeedback left_out(numbers);
  std::vector<double> given(numbers.floats() + numbers.rows()), told = given;
  for (std::uint64_t round = 0; round < 30; ++round) {
    RowSums rows = random_rows(numbers, round, round % 7 == 3 ? 0 : 0.4, round % 3 != 0);
    const std::size_t fresh = rows.sums.size();
    const auto add_up = [](std::vector<double>& to, const std::vector<double>& from) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add_up(given, spread(rows.view(), numbers));
    if (feedback) rows = left_out.with(std::move(rows), codec->chooses());
    const RowSums sent = codec->decode(codec->encode(rows.view(), fresh));
    if (feedback) left_out.keep(rows.view(), sent.view());
    add_up(told, spread(sent.view(), numbers));
  }
  const std::vector<double> waiting = spread(left_out.with({}, true).view(), numbers);
  double most = 0;
  for (std::size_t i = 0; i < given.size(); ++i) most = std::max(most, std::abs(given[i] - told[i] - waiting[i]));
  return most;
}

/// Of 3 ranks that go down 0.5 sum h (w - t)^2 together, each with curvatures h and targets t of its own: the loss above the lowest, in
/// parts of what it was.
double left_after_descent(CodecName name, double share, bool feedback) {
  constexpr std::size_t kRanks = 3;
  const RowNumbers numbers(Layout{{.rows = 20, .width = 8}});
  const std::size_t floats = numbers.floats();
  const auto codec = make_codec(name, share, numbers);
  std::vector<ErrorFeedback> left_out(kRanks, ErrorFeedback(numbers));
  std::vector<std::vector<float>> h(kRanks), t(kRanks);
  for (std::size_t rank = 0; rank < kRanks; ++rank) {
    Random random(rank, 9);
    for (std::size_t i = 0; i < floats; ++i) {
      h[rank].push_back(static_cast<float>(0.1 + random.uniform()));
      t[rank].push_back(static_cast<float>(random.normal()) * (i % 50 == 0 ? 20.f : 1.f));
    }
  }
  std::vector<float> w(floats);
  const auto above = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < floats; ++i) {
      double weight = 0, mean = 0;
      for (std::size_t rank = 0; rank < kRanks; ++rank) weight += static_cast<double>(h[rank][i]), mean += static_cast<double>(h[rank][i] * t[rank][i]);
      sum += weight * std::pow(static_cast<double>(w[i]) - mean / weight, 2);
    }
    return sum;
  };
  const double before = above();
  for (int round = 0; round < 1500; ++round) {
    std::vector<float> step(floats);
    for (std::size_t rank = 0; rank < kRanks; ++rank) {
      RowSums rows{.count = numbers.rows(), .first = 0, .numbers = {}, .sums = {}, .decays = {}};
      for (std::size_t i = 0; i < floats; ++i) rows.sums.push_back(h[rank][i] * (w[i] - t[rank][i]));
      if (codec) {
        if (feedback) rows = left_out[rank].with(std::move(rows), codec->chooses());
        const RowSums sent = codec->decode(codec->encode(rows.view(), floats));
        if (feedback) left_out[rank].keep(rows.view(), sent.view());
        rows = sent;
      }
      const std::vector<double> all = spread(rows.view(), numbers);
      for (std::size_t i = 0; i < floats; ++i) step[i] += static_cast<float>(all[i]);
    }
    for (std::size_t i = 0; i < floats; ++i) w[i] -= 0.01f * step[i];
  }
  return above() / before;
}

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("int8 is off by half a scale at most, onebit keeps signs and the sum of a block, topk keeps the largest as they are") {
    const RowNumbers numbers(small_layout());
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const RowSums rows = random_rows(numbers, seed, 0.6, seed % 2 == 0);
      const RowSums int8 = through(*make_int8(numbers), rows), onebit = through(*make_onebit(numbers), rows);
      const RowSums topk = through(*make_topk(numbers, 0.1), rows);
      for (const RowSums* same : {&int8, &onebit}) {
        CHECK(same->count == rows.count);
        CHECK(same->numbers == rows.numbers);
        CHECK(same->decays.size() == rows.decays.size());
        CHECK(std::ranges::all_of(same->decays, [](float decay) { return decay >= 0; }));
      }
      for (std::size_t begin = 0; begin < rows.sums.size(); begin += kCodecBlock) {
        const std::size_t end = std::min(begin + kCodecBlock, rows.sums.size());
        float most = 0;
        double sum = 0, kept = 0;
        for (std::size_t i = begin; i < end; ++i) {
          most = std::max(most, std::abs(rows.sums[i]));
          sum += static_cast<double>(rows.sums[i]), kept += static_cast<double>(onebit.sums[i]);
          CHECK((onebit.sums[i] < 0) == (rows.sums[i] < 0));
        }
        for (std::size_t i = begin; i < end; ++i) CHECK(std::abs(int8.sums[i] - rows.sums[i]) <= most / 127 * 0.5001f);
        CHECK(kept == doctest::Approx(sum).epsilon(1e-5));
      }
      std::vector<float> magnitudes;
      for (const float value : rows.sums) magnitudes.push_back(std::abs(value));
      std::ranges::sort(magnitudes, std::greater<>{});
      const auto take = static_cast<std::size_t>(std::ceil(0.1 * static_cast<double>(rows.sums.size())));
      const std::vector<double> all = spread(rows.view(), numbers), some = spread(topk.view(), numbers);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < numbers.floats(); ++i) {
        CHECK((some[i] == 0 || some[i] == all[i]));
        CHECK((some[i] != 0) == (all[i] != 0 && std::abs(all[i]) >= static_cast<double>(magnitudes[take - 1])));
        kept += some[i] != 0;
      }
      CHECK(kept == take);
    }
  }

  TEST_CASE("codes have the bytes that are declared: 68 for 64 values, 16 for 64, and 8 a value") {
    const RowNumbers numbers(Layout{{.rows = 1000, .width = 64}});
    RowSums rows = random_rows(numbers, 1, 1, false);
    CHECK(make_int8(numbers)->encode(rows.view(), rows.sums.size()).size() == 16 + 1000 * 68);
    CHECK(make_onebit(numbers)->encode(rows.view(), rows.sums.size()).size() == 16 + 1000 * 16);
    CHECK(make_topk(numbers, 0.01)->encode(rows.view(), rows.sums.size()).size() == 8 + 640 * 8);
    // Of few rows, these and their numbers.
    rows = random_rows(numbers, 1, 0.1, false);
    CHECK(make_int8(numbers)->encode(rows.view(), rows.sums.size()).size() == 16 + rows.count * (4 + 68));
    CHECK(make_topk(numbers, 1e-9)->encode(rows.view(), rows.sums.size()).size() == 8 + 8);
  }

  TEST_CASE("what was told and what waits is all that was given; without what waits it is not") {
    for (const Way& way : kWays) {
      CAPTURE(name_of(kCodecs, way.name));
      CHECK(lost(way, true) < 1e-4);
      CHECK(lost(way, false) > 0.01);
    }
  }

  TEST_CASE("a descent on codes comes as far as one without, to 1 %; a mutant that forgets what it leaves out does not") {
    const double plain = left_after_descent(CodecName::none, 0, true);
    CHECK(plain < 1e-6);
    for (const Way& way : kWays) {
      CAPTURE(name_of(kCodecs, way.name));
      CHECK(left_after_descent(way.name, way.share, true) < 0.01);
      if (way.name != CodecName::int8) CHECK(left_after_descent(way.name, way.share, false) > 0.01);  // int8 is so fine that it may forget
    }
  }

  TEST_CASE("codes that are cut short or of another model are refused") {
    const RowNumbers numbers(small_layout()), fewer(Layout{{.rows = 3, .width = 1}});
    const RowSums rows = random_rows(numbers, 3, 0.7, true);
    for (const Way& way : kWays) {
      const auto codec = make_codec(way.name, way.share, numbers), other = make_codec(way.name, way.share, fewer);
      const std::vector<std::byte> code = codec->encode(rows.view(), rows.sums.size());
      for (const std::size_t size : {std::size_t{0}, std::size_t{5}, code.size() - 4, code.size() - 1}) CHECK_THROWS_AS(codec->decode(std::span(code).first(size)), Error);
      CHECK_THROWS_AS(other->decode(code), Error);
    }
  }

  TEST_CASE("ranks add up each other's codes: the same bytes everywhere, what all were told, and no byte more than the codes") {
    const RowNumbers numbers(Layout{{.rows = 2000, .width = 16}});
    for (const Way& way : kWays)
      for (const int ranks : {1, 2, 4}) {
        std::vector<std::vector<double>> sums(static_cast<std::size_t>(ranks)), told = sums;
        std::vector<std::uint64_t> sent(sums.size()), codes = sent;
        World::run_inproc(ranks, [&](World& world) {
          const auto me = static_cast<std::size_t>(world.rank());
          CodedReducer reducer(world.endpoint(), numbers, make_codec(way.name, way.share, numbers));
          const auto bytes = [&] {
            barrier(world.endpoint());
            std::uint64_t all = 0;
            for (const Link& link : world.endpoint().links()) all += link.bytes_sent;
            return all;
          };
          const std::uint64_t before = bytes();
          RowSums sum;
          for (std::uint64_t round = 0; round < 3; ++round) sum = reducer.sum(random_rows(numbers, round * 10 + me, 0.3, true));
          sent[me] = bytes() - before, codes[me] = reducer.code_bytes();
          sums[me] = spread(sum.view(), numbers), told[me] = spread(reducer.told().view(), numbers);
        });
        CAPTURE(name_of(kCodecs, way.name));
        double most = 0;
        for (std::size_t i = 0; i < sums[0].size(); ++i) {
          double all = 0;
          for (const auto& of_rank : told) all += of_rank[i];
          most = std::max(most, std::abs(all - sums[0][i]));
        }
        CHECK(most < 1e-4);
        for (std::size_t rank = 0; rank < sums.size(); ++rank) {
          CHECK(sums[rank] == sums[0]);
          CHECK(sent[rank] >= codes[rank] * static_cast<std::uint64_t>(ranks - 1));
          CHECK(sent[rank] <= codes[rank] * static_cast<std::uint64_t>(ranks - 1) + 2000);  // headers, and the barrier
        }
      }
  }
}
