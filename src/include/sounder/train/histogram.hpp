// How often which whole number was seen: what a distribution of staleness is kept in.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sounder {

/// Buckets by the logarithm: numbers below 16 have a bucket each, above that each power of two is cut into 8, so that
/// a quantile is exact up to 15 and at most 1/8 too large beyond. Mean and maximum are exact.
class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ ? static_cast<double>(sum_) / static_cast<double>(count_) : 0; }
  /// The smallest number that a share q (0 < q <= 1) of all lies at or below, up to the width of its bucket.
  std::uint64_t quantile(double q) const {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (below += counts_[i]; static_cast<double>(below) >= q * static_cast<double>(count_)) return std::min(max_, last_of(i));
    return max_;
  }
  /// f(first, last, count) for every bucket that is not empty, ascending.
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (counts_[i]) f(i ? last_of(i - 1) + 1 : 0, last_of(i), counts_[i]);
  }

 private:
  static constexpr std::size_t kParts = 8, kPartBits = 3;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < 2 * kParts) return static_cast<std::size_t>(value);
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - kPartBits - 1;
    return shift * kParts + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t last_of(std::size_t bucket) {
    if (bucket < 2 * kParts) return bucket;
    const std::size_t shift = bucket / kParts - 1;
    return ((bucket - shift * kParts + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kPartBits + 1) * kParts> counts_{};
  std::uint64_t count_ = 0, sum_ = 0, max_ = 0;
};

}  // namespace sounder
