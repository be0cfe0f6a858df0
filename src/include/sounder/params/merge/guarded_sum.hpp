// Merge `guarded sum`: how private copies of shared rows come together.
#pragma once

#include <cmath>
#include <cstddef>

#include <sounder/params/shared_cell.hpp>
#include <sounder/params/table.hpp>

namespace sounder {

/// What one worker keeps of one block: the value at the last merge, the joint movement up to it, and how much
/// of the others' movement it leaves out.
struct GuardedSumBlock {
  alignas(kCacheLine) float base[kBlockFloats] = {};
  float past[kBlockFloats] = {};
  float theta = 0;  ///< 0: plain sum; 1: leave out all of what both did
};

/// What becomes of two movements a and b of one block.
enum class MergeRule {
  guarded,  ///< a + b, less what both did twice once that overshoots: merge_block says how
  sum,      ///< a + b
  mean,     ///< where both moved: share * a + (1 - share) * b
};

inline namespace SOUNDER_ISA {

/// Merges one worker's private block into the shared one.
///
///   a = own - base (own movement), b = shared - base (the others'), m = joint movement of the last period
///   theta += 1/2 if cos(a, m) < -1/2, else theta -= 1/8, within 0 ... 1
///   shared += a - theta * clip(a.b / b.b, 0, 1) * b
///
/// Workers that all correct the same error overshoot together when their movements are summed: the next own
/// movement then points against the joint one, which raises theta and projects the common part away. Movements
/// that approach a point without overshoot correlate by no less than -1/2, however noisy they are (those of an
/// autoregressive process with factor r: -(1 - r) / 2), hence the bound. Where no overshoot shows it is the
/// plain sum, which costs no accuracy. One merge of a block at a time. `shared` may be read by lock-free readers meanwhile.
///
/// `cells` says where both copies lie and how they are touched: load(floats) and store(floats, F) of a strip of the block's
/// own fields, shared(i), own(i), and settle(i, own, merged), which makes both copies `merged`; i: floats from the begin of the block.
///
/// `weights`, if given, is 1 for each cell that is a weight and 0 for rule state: only weights are looked at and projected;
/// states are merged by the plain sum.
template <class Lanes, class Cells>
SOUNDER_INLINE void merge_block(const Cells& cells, GuardedSumBlock& block, const float* weights = nullptr,
                                MergeRule rule = MergeRule::guarded, float share = 0.5f) {
  using F = typename Lanes::F;
  constexpr int kStrip = Lanes::kStrip, kStrips = static_cast<int>(kBlockFloats) / kStrip;
  constexpr float kTurned = -0.5f, kRaise = 0.5f, kLower = 0.125f;

  F current[kStrips], own[kStrips], a[kStrips], b[kStrips], ab{}, bb{}, aa{}, am{}, mm{};
  SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) {
    const F base = cells.load(block.base + i * kStrip), m = cells.load(block.past + i * kStrip);
    current[i] = cells.shared(i * kStrip);
    own[i] = cells.own(i * kStrip);
    a[i] = own[i] - base;
    b[i] = current[i] - base;
    F seen = a[i], past = m;
    if (weights) {
      const F weight = Lanes::load(weights + i * kStrip);  // a mask may begin at any float
      b[i] = b[i] * weight;
      seen = seen * weight;
      past = past * weight;
    }
    ab = ab + seen * b[i];
    bb = bb + b[i] * b[i];
    aa = aa + seen * seen;
    am = am + seen * past;
    mm = mm + past * past;
  }
  const float own_moved = Lanes::sum(aa), others = Lanes::sum(bb);
  float of_a = 1, common = 0;  // shared += of_a * a - common * b
  if (rule == MergeRule::guarded) {
    const float lengths = own_moved * Lanes::sum(mm);
    const bool turned = lengths > 0 && Lanes::sum(am) < kTurned * std::sqrt(lengths);
    const float theta = turned ? block.theta + kRaise : block.theta - kLower;
    block.theta = theta < 0 ? 0 : theta > 1 ? 1 : theta;
    if (block.theta > 0 && others > 0) {
      const float part = Lanes::sum(ab) / others;
      common = block.theta * (part < 0 ? 0 : part > 1 ? 1 : part);
    }
  } else if (rule == MergeRule::mean && own_moved > 0 && others > 0) {
    of_a = share;
    common = share;
  }
  SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) {
    const F merged = current[i] + of_a * a[i] - common * b[i];
    cells.store(block.past + i * kStrip, merged - cells.load(block.base + i * kStrip));
    cells.store(block.base + i * kStrip, merged);
    cells.settle(i * kStrip, own[i], merged);
  }
}

#if !defined(__CUDACC__)
/// Two copies in the memory of CPU threads; the caller holds the block's lock.
struct CopyCells {
  float* shared_;
  float* own_;
  using F = ThreadLanes::F;

  SOUNDER_INLINE F load(const float* p) const { return shared_cell::get<F>(p); }
  SOUNDER_INLINE void store(float* p, F f) const { shared_cell::put<F>(p, f); }
  SOUNDER_INLINE F shared(int at) const { return shared_cell::get<F>(shared_ + at); }
  SOUNDER_INLINE F own(int at) const { return shared_cell::get<F>(own_ + at); }
  SOUNDER_INLINE void settle(int at, F, F merged) const {
    shared_cell::put<F>(own_ + at, merged);
    shared_cell::put<F>(shared_ + at, merged);
  }
};

/// Afterwards own == base == what was stored in shared.
SOUNDER_INLINE void merge_guarded_sum(float* shared, float* own, GuardedSumBlock& block, const float* weights = nullptr) {
  merge_block<ThreadLanes>(CopyCells{shared, own}, block, weights);
}
#endif

}  // namespace SOUNDER_ISA
}  // namespace sounder
