// Mode bsp with codecs: the same bits on all ranks, the loss of runs without, fewer bytes.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "mpi/bsp_runs.hpp"
#include "mpi/distance.hpp"
#include "mpi/ranks_of.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr CodecName kCoding[] = {CodecName::topk, CodecName::int8, CodecName::onebit};

}  // namespace

TEST_SUITE("mpi") {
  TEST_CASE("bsp with a codec holds the same bits on all ranks, and its audit finds that all got what all told") {
    for (const CodecName codec : kCoding)
      for (const ModelName model : {ModelName::logistic, ModelName::mf}) {
        const BspCase c{.model = model, .epochs = 1, .audit = true, .codec = codec};
        const auto replicas = c.run(3, 1);
        CAPTURE(name_of(kCodecs, codec));
        for (const auto& replica : replicas) CHECK(replica == replicas[0]);
        for (const mpi::ModeTelemetry& told : c.told) CHECK(told.violations == 0);
        CHECK(c.told[0].reads > 0);
      }
  }

  TEST_CASE("bsp whose codec forgets what it leaves out ends elsewhere: a mutant") {
    for (const CodecName codec : {CodecName::topk, CodecName::onebit}) {
      BspCase c{.epochs = 4};
      const std::vector<float> plain = c.run(2, 1)[0];
      c.codec = codec;
      const double kept = distance_of(plain, c.run(2, 1)[0]);
      c.feedback = false;
      const double forgot = distance_of(plain, c.run(2, 1)[0]);
      CAPTURE(name_of(kCodecs, codec));
      CAPTURE(kept);
      CHECK(forgot > 1.25 * kept);
    }
  }

  TEST_CASE("bsp with a codec comes to a loss within 1 % of that without, in fewer bytes") {
    RankRun run{.ranks = 3, .data = "synthetic:dense,examples=1000,features=400", .load = {}};
    run.options = options_for(Mode::hogwild, kThreadSanitizer ? 4 : 12, 1);
    run.options.batch = 50;
    const auto of = [&](CodecName codec) {
      run.between.codec = codec;
      run.between.topk_share = 0.1;
      std::uint64_t bytes = 0;
      const mpi::Result result = train(run);
      for (const mpi::RankReport& rank : result.ranks) bytes += rank.bytes_sent;
      return std::pair(result.run.curve.back().train_loss, static_cast<double>(bytes));
    };
    const auto plain = of(CodecName::none);
    for (const CodecName codec : kCoding) {
      CAPTURE(name_of(kCodecs, codec));
      const auto coded = of(codec);
      if (!kThreadSanitizer) CHECK(coded.first <= 1.01 * plain.first);
      CHECK(coded.second < (codec == CodecName::int8 ? 0.8 : 0.6) * plain.second);
    }
  }
}
