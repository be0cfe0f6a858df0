// Merge `guarded sum`: how private copies of shared rows come together.
#pragma once

#include <algorithm>
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

inline namespace SOUNDER_ISA {

/// Merges one worker's private block into the shared one; afterwards own == base == what was stored in shared.
///
///   a = own - base (own movement), b = shared - base (the others'), m = joint movement of the last period
///   theta += 1/2 if cos(a, m) < -1/2, else theta -= 1/8, within 0 ... 1
///   shared += a - theta * clip(a.b / b.b, 0, 1) * b
///
/// Workers that all correct the same error overshoot together when their movements are summed: the next own
/// movement then points against the joint one, which raises theta and projects the common part away. Movements
/// that approach a point without overshoot correlate by no less than -1/2, however noisy they are (those of an
/// autoregressive process with factor r: -(1 - r) / 2), hence the bound. Where no overshoot shows it is the
/// plain sum, which costs no accuracy. One merge of a block at a time: the
/// caller holds the block's lock. `shared` may be read by lock-free readers meanwhile.
///
/// `weights`, if given, is 1 for each cell that is a weight and 0 for rule state: only weights are looked at and projected;
/// states are merged by the plain sum.
SOUNDER_INLINE void merge_guarded_sum(float* shared, float* own, GuardedSumBlock& block, const float* weights = nullptr) {
  using F = ThreadLanes::F;
  constexpr int kStrip = ThreadLanes::kStrip, kStrips = static_cast<int>(kBlockFloats) / kStrip;
  constexpr float kTurned = -0.5f, kRaise = 0.5f, kLower = 0.125f;

  F current[kStrips], a[kStrips], b[kStrips], ab{}, bb{}, aa{}, am{}, mm{};
  SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) {
    const F base = shared_cell::get<F>(block.base + i * kStrip), m = shared_cell::get<F>(block.past + i * kStrip);
    current[i] = shared_cell::get<F>(shared + i * kStrip);
    a[i] = shared_cell::get<F>(own + i * kStrip) - base;
    b[i] = current[i] - base;
    F seen = a[i], past = m;
    if (weights) {
      const F weight = *reinterpret_cast<const ThreadLanes::Unaligned*>(weights + i * kStrip);
      b[i] *= weight;
      seen *= weight;
      past *= weight;
    }
    ab += seen * b[i];
    bb += b[i] * b[i];
    aa += seen * seen;
    am += seen * past;
    mm += past * past;
  }
  const float lengths = ThreadLanes::sum(aa) * ThreadLanes::sum(mm);
  const bool turned = lengths > 0 && ThreadLanes::sum(am) < kTurned * std::sqrt(lengths);
  block.theta = std::clamp(turned ? block.theta + kRaise : block.theta - kLower, 0.f, 1.f);
  float common = 0;
  if (block.theta > 0) {
    const float others = ThreadLanes::sum(bb);
    common = others > 0 ? block.theta * std::clamp(ThreadLanes::sum(ab) / others, 0.f, 1.f) : 0.f;
  }
  SOUNDER_UNROLL for (int i = 0; i < kStrips; ++i) {
    const F merged = current[i] + a[i] - common * b[i];
    shared_cell::put<F>(block.past + i * kStrip, merged - shared_cell::get<F>(block.base + i * kStrip));
    shared_cell::put<F>(block.base + i * kStrip, merged);
    shared_cell::put<F>(own + i * kStrip, merged);
    shared_cell::put<F>(shared + i * kStrip, merged);
  }
}

}  // namespace SOUNDER_ISA
}  // namespace sounder
