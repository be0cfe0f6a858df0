// Mode `bsp` for models that give the gradient of dense examples layer by layer (model/layers.hpp): a piece of it travels while the next
// is computed, and the next round begins on the pieces that have come.
// Guarantee: as bsp.cpp. Every row is read with the whole sum of the round before in it: a round waits for each piece where it first reads it.
//   The bits depend neither on the threads of a rank nor on --overlap.
// Cost per round: the tables through the reducer: dense examples touch every row.
// Blocks when: a piece has not come when it is needed; with --overlap off, every round, for all pieces.
// Fails how: as bsp.cpp.
// Source: pieces leave in the order in which they are needed again after Jayarajan et al., "Priority-based parameter propagation for
//   distributed DNN training", MLSys 2019, and Peng et al., "A generic communication scheduler" (ByteScheduler), SOSP 2019.
//
// The pieces: first all layers behind the first, whose gradient is complete before that of the first is begun; then the first layer, some
// rows at a time, in the order in which the next round reads them. So the order of computation is the order of need.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sounder/model/layers.hpp>

#include "collectives.hpp"
#include "gradients/collector.hpp"
#include "gradients/gradient_rows.hpp"
#include "merge_audit.hpp"
#include "modes/bsp.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kMostPieces = 64;

class ByLayers final : public RankDiscipline {
 public:
  ByLayers(const Setting& setting, const BspParts& parts, const Layers& layers, std::unique_ptr<WalkedReducer> reducer)
      : setting_(setting),
        layers_(layers),
        numbers_(setting.kernel.layout),
        scales_(setting, numbers_, parts),
        audit_(setting.mpi.audit),
        // Simulated ranks compute in no time and then let time pass: what left before would not have waited for what was computed.
        overlaps_(setting.mpi.overlap && !setting.endpoint.transport().turns()),
        pieces_(pieces_of(parts.piece_bytes)),
        buckets_(parts.buckets(setting.endpoint, std::move(reducer), ends_of_pieces())) {
    for (std::size_t table = 0; table < numbers_.tables(); ++table)
      for (std::uint32_t row = 0; row < numbers_.end(table) - numbers_.begin(table); ++row)
        decay_.push_back(layers.decay(setting.kernel.model.get(), {static_cast<std::uint32_t>(table), row}));
    if (std::ranges::all_of(decay_, [](float decay) { return decay == 0; })) decay_.clear();
    telemetry_.remark = scales_.remark();
    if (overlaps_ && setting.endpoint.size() > 1) telemetry_.remark += fmt::format("; sums travel in {} pieces", pieces_.size());
  }

  void run(const RankRound& round, const std::function<void()>& pad) override {
    try {
      train(round, pad);
    } catch (const std::exception& error) {
      // Told before the pieces that are under way are taken down, which says no more than that they were.
      setting_.endpoint.fail(fmt::format("rank {} failed: {}", setting_.endpoint.rank(), error.what()));
      throw;
    }
  }
  void refresh() override { settle(); }
  void finish() override { settle(); }
  ModeTelemetry telemetry() const override {
    ModeTelemetry telemetry = telemetry_;
    audit_.report(telemetry);
    return telemetry;
  }
  std::map<std::string, std::string> notes() const override { return scales_.notes(); }

 private:
  struct Rows {
    std::uint32_t begin, end;  ///< numbers
  };
  /// Of the round whose sums have not all been stepped on.
  struct Sums {
    StepContext context;
    std::uint64_t index;
    Checksum gave, got;
    float examples;  ///< of all ranks
  };

  void train(const RankRound& round, const std::function<void()>& pad) {
    draw(round.queue);
    forward(round);
    sums_of_ = {.context = context_of(setting_, round.round), .index = static_cast<std::uint64_t>(round.round.index), .gave = {}, .got = {}, .examples = 0};
    buckets_->open();
    backward(round);
    pad();
    if (!overlaps_)
      for (std::size_t i = 0; i < pieces_.size(); ++i) announce(i);
    // Behind an epoch's last round the training clock stands still: what that one has left to wait for is waited for before.
    const bool last = (static_cast<std::size_t>(round.round.index) + 1) % scales_.rounds() == 0;
    if (!overlaps_ || last) settle();
    telemetry_.staleness_clocks.add(0);
  }

  std::vector<Rows> pieces_of(std::size_t bytes) const {
    const std::uint32_t rows = numbers_.end(0);
    const auto count = std::clamp<std::size_t>(numbers_.floats_before(rows) * sizeof(float) / bytes, 1, std::min<std::size_t>(kMostPieces, rows));
    std::vector<Rows> pieces{{rows, numbers_.rows()}};
    for (std::size_t i = 0; i < count; ++i)
      pieces.push_back({static_cast<std::uint32_t>(rows * i / count), static_cast<std::uint32_t>(rows * (i + 1) / count)});
    return pieces;
  }
  std::size_t floats_of(const Rows& piece) const { return numbers_.floats_before(piece.end) - numbers_.floats_before(piece.begin); }
  /// Behind the sums of the first piece stands the number of examples: whole numbers below 2^24 add up exactly.
  std::vector<std::size_t> ends_of_pieces() const {
    std::vector<std::size_t> ends;
    std::size_t end = 1;
    for (const Rows& piece : pieces_) ends.push_back(end += floats_of(piece));
    return ends;
  }

  /// f(begin, end) for each worker's part of [0, count).
  template <class F>
  void share_out(std::size_t count, F f) {
    Team& team = setting_.backend.team();
    const auto workers = static_cast<std::size_t>(team.size());
    team.run([&](int worker) {
      const auto me = static_cast<std::size_t>(worker);
      f(count * me / workers, count * (me + 1) / workers);
    });
  }

  void draw(ChunkQueue& queue) {
    chunks_ = queue.take_all();
    batch_.clear();
    for (const Range& chunk : chunks_)
      for (std::size_t i = chunk.begin; i < chunk.end; ++i) batch_.push_back(setting_.data.examples()[i]);
    kept_.assign(batch_.size() * layers_.floats, 0.f);
  }

  void forward(const RankRound& round) {
    const Cells cells = setting_.parameters.cells();
    take(0);
    for (std::size_t i = 1; i < pieces_.size(); ++i) {
      take(i);
      share_out(batch_.size(), [&](std::size_t begin, std::size_t end) {
        layers_.feed(cells, std::span(batch_).subspan(begin, end - begin), pieces_[i].begin, pieces_[i].end, kept_.data() + begin * layers_.floats);
      });
      if (overlaps_) round.pad_to(0.5 * share(i));  // forward and backward are as much work
    }
    sums_of_.reset();
    share_out(batch_.size(), [&](std::size_t begin, std::size_t end) {
      layers_.turn(setting_.kernel.model.get(), cells, std::span(batch_).subspan(begin, end - begin), kept_.data() + begin * layers_.floats);
    });
    share_out(chunks_.size(), [&](std::size_t begin, std::size_t end) {
      round.queue.check({});
      for (std::size_t i = begin; i < end; ++i) round.queue.check(chunks_[i]);
    });
  }

  void backward(const RankRound& round) {
    const Rows rest = pieces_[0];
    share_out(rest.end - rest.begin, [&](std::size_t begin, std::size_t end) {
      const std::size_t before = numbers_.floats_before(rest.begin + static_cast<std::uint32_t>(begin)) - numbers_.floats_before(rest.begin);
      layers_.rest(kept_.data(), batch_.size(), begin, end, (*buckets_)[0].data() + before);
    });
    (*buckets_)[0].back() = static_cast<float>(batch_.size());
    if (overlaps_) announce(0);
    for (std::size_t i = 1; i < pieces_.size(); ++i) {
      const Rows piece = pieces_[i];
      share_out(piece.end - piece.begin, [&](std::size_t begin, std::size_t end) {
        layers_.first(batch_, kept_.data(), piece.begin + static_cast<std::uint32_t>(begin), piece.begin + static_cast<std::uint32_t>(end),
                      (*buckets_)[i].data() + begin * numbers_.width(0));
      });
      if (!overlaps_) continue;
      round.pad_to(0.5 + 0.5 * share(i));
      announce(i);
    }
  }

  /// Up to piece i, of the work on the first layer.
  double share(std::size_t i) const { return static_cast<double>(i) / static_cast<double>(pieces_.size() - 1); }

  void announce(std::size_t i) {
    if (audit_.on()) sums_of_->gave += checksum(view(i, (*buckets_)[i], static_cast<float>(batch_.size())), numbers_);
    buckets_->announce(i);
  }

  /// Waits for the sums of a piece, if a round has left some, and steps on them.
  void take(std::size_t i) {
    if (!sums_of_) return;
    const std::span<const float> sums = buckets_->await(i);
    if (i == 0) sums_of_->examples = sums.back();
    if (sums_of_->examples == 0) return;  // no rank had any: no row was touched
    const RowView rows = view(i, sums, sums_of_->examples);
    if (audit_.on()) sums_of_->got += checksum(rows, numbers_);
    step_on(rows, numbers_, setting_.kernel, sums_of_->context, scales_(), setting_.backend.team());
    if (audit_.on() && i + 1 == pieces_.size()) audit_.sum(setting_.endpoint, sums_of_->index, sums_of_->gave, sums_of_->got, setting_.parameters);
  }

  void settle() {
    for (std::size_t i = 0; i < pieces_.size(); ++i) take(i);
    sums_of_.reset();
  }

  /// The rows of a piece; every example adds as much to a row's sum of a.
  RowView view(std::size_t i, std::span<const float> sums, float examples) {
    const Rows& piece = pieces_[i];
    const std::uint32_t count = piece.end - piece.begin;
    decays_.clear();
    if (!decay_.empty())
      for (std::uint32_t row = piece.begin; row < piece.end; ++row) decays_.push_back(examples * decay_[row]);
    return {.count = count, .first = piece.begin, .numbers = {}, .sums = sums.first(floats_of(piece)), .decays = decays_};
  }

  const Setting setting_;
  const Layers& layers_;
  const RowNumbers numbers_;
  const BspScales scales_;
  ModeTelemetry telemetry_;
  MergeAudit audit_;
  const bool overlaps_;
  const std::vector<Rows> pieces_;
  const std::unique_ptr<Buckets> buckets_;
  std::vector<float> decay_, decays_;  ///< of each row: of an example, none where all are 0; of the piece at hand
  std::vector<Range> chunks_;          ///< of the round
  std::vector<Example> batch_;
  std::vector<float> kept_;
  std::optional<Sums> sums_of_;
};

/// Whether the examples of all ranks are dense, and as wide as the first layer. Collective.
bool dense(const Setting& setting) {
  const Examples examples = setting.data.examples();
  const bool own = !examples.ids && !examples.offsets && examples.values && examples.width == setting.kernel.layout.shape(0).rows;
  const std::array<std::uint64_t, 1> others{examples.count > 0 && !own};
  return all_sum<std::uint64_t>(setting.endpoint, others)[0] == 0;
}

}  // namespace

std::unique_ptr<RankDiscipline> make_bsp_by_layers(const Setting& setting, const BspParts& parts) {
  const Layers* const layers = layers_of(setting.kernel);
  if (!layers || !dense(setting)) return nullptr;
  std::unique_ptr<Reducer> reducer = make_bsp_reducer(setting, parts);
  auto* const walked = dynamic_cast<WalkedReducer*>(reducer.get());
  if (!walked) return nullptr;
  static_cast<void>(reducer.release());
  return std::make_unique<ByLayers>(setting, parts, *layers, std::unique_ptr<WalkedReducer>(walked));
}

}  // namespace sounder::mpi
