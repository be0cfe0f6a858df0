// How the ids of the input map to the rows of the parameters.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sounder {

/// Distinct ids, ascending, and how often each occurs.
struct IdCounts {
  std::vector<std::uint32_t> ids, counts;
};

IdCounts count_ids(std::span<const std::uint32_t> ids);

/// A bijection between the ids that occur in the input and 0, 1, ..., size() - 1, hottest first.
///
/// Rows of hot features so form a prefix of their table, which caches, windows and prefetching like;
/// an id that never occurs costs no memory. Files, predictions and digests use the original ids.
class Numbering {
 public:
  static constexpr std::uint32_t kAbsent = 0xffffffffu;

  Numbering() = default;

  /// Numbers the distinct ids by descending frequency, then by ascending id.
  /// `extra` ids (those of a loaded model, say) get a row too, after the others if they never occur.
  /// `frequencies`, if given, receives how often the id of each row occurs.
  static Numbering by_frequency(std::span<const std::uint32_t> ids, std::span<const std::uint32_t> extra = {},
                                std::vector<std::uint32_t>* frequencies = nullptr);
  /// The same, of ids that were counted before.
  static Numbering by_counts(const IdCounts& counts, std::span<const std::uint32_t> extra = {},
                             std::vector<std::uint32_t>* frequencies = nullptr);

  /// The ids 0 ... size - 1 as they are (dense data).
  static Numbering identity(std::uint32_t size);

  std::uint32_t size() const { return static_cast<std::uint32_t>(originals_.size()); }
  std::uint32_t original(std::uint32_t row) const { return originals_[row]; }
  std::span<const std::uint32_t> originals() const { return originals_; }

  /// The row of an original id, or kAbsent. Constant time up to moderate ids, else logarithmic.
  std::uint32_t row_of(std::uint32_t original) const;

  /// The rows in ascending order of their original ids.
  std::vector<std::uint32_t> in_original_order() const;

 private:
  void index();

  std::vector<std::uint32_t> originals_;  ///< row -> original id
  std::vector<std::uint32_t> rows_;       ///< original id -> row, where the ids are small enough
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sorted_;  ///< (original id, row), otherwise
};

}  // namespace sounder
