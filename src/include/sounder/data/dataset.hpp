// An immutable set of training examples, ready to be visited fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sounder/data/census.hpp>
#include <sounder/data/columns.hpp>
#include <sounder/data/example.hpp>
#include <sounder/data/numbering.hpp>
#include <sounder/params/lanes.hpp>

namespace sounder {

/// What a worker loop holds of a dataset: raw pointers by value, so that nothing is left to alias.
struct Examples {
  const std::uint64_t* offsets;  ///< null: constant width
  const std::uint32_t* ids;      ///< null: dense
  const float* values;           ///< null: all 1
  const float* labels;
  std::size_t width;
  std::size_t count;

  SOUNDER_INLINE Example operator[](std::size_t i) const {
    const std::uint64_t begin = offsets ? offsets[i] : i * width;
    const std::uint64_t end = offsets ? offsets[i + 1] : begin + width;
    return {ids ? ids + begin : nullptr, values ? values + begin : nullptr, static_cast<std::uint32_t>(end - begin), labels[i]};
  }

  /// The i-th example where each has exactly `kArity` ids and no values (ratings): no loads but the label's.
  template <int kArity>
  SOUNDER_INLINE Example fixed(std::size_t i) const {
    return {ids + i * kArity, nullptr, kArity, labels[i]};
  }
};

/// Immutable examples: renumbered by frequency, ids ascending within an example, shuffled once.
class Dataset {
 public:
  /// Training data. Numbers the ids by frequency (`extra[s]`: ids of space s that need a row anyway) and
  /// puts the examples in a random order drawn from `seed`. Throws Error on examples of a single class.
  static Dataset train(Columns columns, std::uint64_t seed = 1, const std::vector<std::vector<std::uint32_t>>& extra = {});

  /// Held-out data in input order, numbered as `train`. Ids that `train` does not know are dropped from
  /// sparse examples (their weights are 0); an unknown user or item of a rating becomes row
  /// numbering(space).size(), one behind the last, which factorizations keep at zero. Classes are matched by
  /// their labels in the input; one that `train` does not hold is an Error.
  static Dataset test(Columns columns, const Dataset& train);

  /// Some of the examples of a training set, of which `census` tells: those of one rank. Example i is number `order[i]` of
  /// `columns`, and stood at `positions[i]` in the input. May hold none. `digest`: of the whole set.
  static Dataset part(Columns columns, std::span<const std::uint32_t> order, std::vector<std::uint32_t> positions,
                      std::shared_ptr<const Census> census, std::string digest);
  /// The same of held-out data: the examples from number `first` of the input on.
  static Dataset test_part(Columns columns, const Dataset& train, std::size_t first, std::string digest);

  const std::string& name() const { return columns_.name; }
  std::size_t size() const { return columns_.examples(); }
  std::size_t nonzeros() const { return columns_.nonzeros(); }
  /// All examples of the training set. size() may be less, where every rank holds some; for a test set, as in `train`.
  std::uint64_t all_examples() const { return census_->examples; }
  std::uint32_t spaces() const { return columns_.spaces; }
  bool dense() const { return census_->dense; }

  /// Number of distinct ids over all id spaces.
  std::size_t features() const;
  const Numbering& numbering(std::uint32_t space = 0) const { return census_->numberings[space]; }
  /// In how many examples the id of each row occurs (descending); for a test set, as in `train`.
  std::span<const std::uint32_t> frequencies(std::uint32_t space = 0) const { return census_->frequencies[space]; }

  /// all_examples() / frequency of each row, 0 where the frequency is: how much of L2 one example carries for the row.
  std::span<const float> rarity(std::uint32_t space = 0) const { return census_->rarities[space]; }
  /// Over all examples of the training set; for a test set, as in `train`.
  const Sums& sums() const { return census_->sums; }

  Examples examples() const;
  std::span<const float> labels() const { return columns_.labels; }
  /// The label in the input of each class, ascending, where labels are indices of classes; else empty.
  std::span<const float> classes() const { return columns_.classes; }

  /// Where example i stood in the input.
  std::size_t input_position(std::size_t i) const { return positions_.empty() ? first_ + i : positions_[i]; }

  /// XXH64 of the examples as they were read: order, ids, values and labels. 16 hexadecimal digits. That of a part is what
  /// it was given.
  const std::string& digest() const { return digest_; }

 private:
  Dataset() = default;

  Columns columns_;
  std::shared_ptr<const Census> census_;
  std::vector<std::uint32_t> positions_;  ///< empty: input order, from first_ on
  std::size_t first_ = 0;
  std::string digest_;
};

}  // namespace sounder
