// The gradient of an mlp, layer by layer.
#include <algorithm>
#include <typeinfo>

#include <sounder/model/layers.hpp>
#include <sounder/model/mlp.hpp>
#include <sounder/params/access/gather.hpp>

namespace sounder {
namespace {

constexpr std::size_t kBlock = 128;  ///< examples of which all that is kept stays in the cache while rows go over it

/// What is kept of an example: what the units make of it (at first what they are fed), the gradient in the scores, that in the units.
template <int W>
struct Stages {
  using Reads = ViewOf<Mlp<W>, Gather>;
  using Units = typename Reads::template Row<W>;
  using Scores = typename Reads::template Row<mlp::kClasses>;
  static constexpr std::size_t kScores = W, kBack = kScores + mlp::kClasses, kFloats = kBack + W;
  static constexpr int kTile = Mlp<W>::kTile;

  static void feed(const Cells& cells, std::span<const Example> batch, std::uint32_t begin, std::uint32_t end, float* kept) {
    std::size_t e = 0;
    for (; e + kTile <= batch.size(); e += kTile) feed_some<kTile>(cells, &batch[e], begin, end, kept + e * kFloats);
    for (; e < batch.size(); ++e) feed_some<1>(cells, &batch[e], begin, end, kept + e * kFloats);
  }

  static void turn(const void* model, const Cells& cells, std::span<const Example> batch, float* kept) {
    const auto& m = *static_cast<const Mlp<W>*>(model);
    Reads view(Gather{}, cells);
    view.open_intercept(m.intercept);
    for (const Example& x : batch) {
      const Units units = Units::load(kept) + view.intercept();
      where_positive(units, units).store(kept);
      Scores scores = view.read(m.outputs, W);
      for (std::uint32_t unit = 0; unit < W; ++unit) scores.fma(kept[unit], view.read(m.outputs, unit));
      scores = cross_entropy::gradient(scores, m.classes, x.label);
      scores.store(kept + kScores);
      for (std::uint32_t unit = 0; unit < W; ++unit) kept[kBack + unit] = kept[unit] > 0 ? view.dot(view.read(m.outputs, unit), scores) : 0;
      kept += kFloats;
    }
  }

  /// Row 0 is the hidden bias, thinned as in a step; rows 1 to W are the units' weights to the scores, and the last is their bias.
  static void rest(const float* kept, std::size_t examples, std::size_t begin, std::size_t end, float* sums) {
    if (begin == 0 && end > 0) {
      Units sum = Units::zero();
      for (std::size_t e = 0; e < examples; ++e) sum.fma(1.f / Reads::kThinning, Units::load(kept + e * kFloats + kBack));
      sum.store(sums);
      sums += W;
    }
    for (std::size_t row = std::max<std::size_t>(begin, 1); row < end; ++row, sums += mlp::kClasses) {
      Scores sum = Scores::zero();
      for (std::size_t e = 0; e < examples; ++e) {
        const float* const of = kept + e * kFloats;
        sum.fma(row <= W ? of[row - 1] : 1.f, Scores::load(of + kScores));
      }
      sum.store(sums);
    }
  }

  static void first(std::span<const Example> batch, const float* kept, std::uint32_t begin, std::uint32_t end, float* sums) {
    std::fill_n(sums, std::size_t{end - begin} * W, 0.f);
    for (std::size_t e = 0; e < batch.size(); e += kBlock) {
      const auto block = batch.subspan(e, std::min(kBlock, batch.size() - e));
      const float* const back = kept + e * kFloats + kBack;
      std::uint32_t row = begin;
      for (; row + kTile <= end; row += kTile) first_some<kTile>(block, back, row, sums + std::size_t{row - begin} * W);
      for (; row < end; ++row) first_some<1>(block, back, row, sums + std::size_t{row - begin} * W);
    }
  }

  static float decay(const void* model, RowId row) {
    const auto& m = *static_cast<const Mlp<W>*>(model);
    if (m.l2 == 0) return 0;
    if (row.table == 0) return m.l2 * m.rarity[row.row];
    return row.table == 2 && row.row < W ? m.l2 : 0;
  }

  static constexpr Layers kLayers{kFloats, feed, turn, rest, first, decay};

 private:
  template <int N>
  static void feed_some(const Cells& cells, const Example* x, std::uint32_t begin, std::uint32_t end, float* kept) {
    const Reads view(Gather{}, cells);
    Units sums[N];
    SOUNDER_UNROLL for (int e = 0; e < N; ++e) sums[e] = Units::load(kept + static_cast<std::size_t>(e) * kFloats);
    for (std::uint32_t row = begin; row < end; ++row) {
      const auto w = view.read(Mlp<W>::inputs, row);
      SOUNDER_UNROLL for (int e = 0; e < N; ++e) sums[e].fma(x[e].values[row], w);
    }
    SOUNDER_UNROLL for (int e = 0; e < N; ++e) sums[e].store(kept + static_cast<std::size_t>(e) * kFloats);
  }

  template <int N>
  static void first_some(std::span<const Example> batch, const float* back, std::uint32_t row, float* to) {
    Units sums[N];
    SOUNDER_UNROLL for (int r = 0; r < N; ++r) sums[r] = Units::load(to + r * W);
    for (const Example& x : batch) {
      const Units gradient = Units::load(back);
      SOUNDER_UNROLL for (int r = 0; r < N; ++r) sums[r].fma(x.values[row + static_cast<std::uint32_t>(r)], gradient);
      back += kFloats;
    }
    SOUNDER_UNROLL for (int r = 0; r < N; ++r) sums[r].store(to + r * W);
  }
};

}  // namespace

const Layers* layers_of(const Kernel& kernel) {
  if (!kernel.type) return nullptr;
  if (*kernel.type == typeid(Mlp<16>)) return &Stages<16>::kLayers;
  if (*kernel.type == typeid(Mlp<32>)) return &Stages<32>::kLayers;
  if (*kernel.type == typeid(Mlp<64>)) return &Stages<64>::kLayers;
  if (*kernel.type == typeid(Mlp<128>)) return &Stages<128>::kLayers;
  return nullptr;
}

}  // namespace sounder
