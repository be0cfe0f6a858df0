// Private to the generators: one function a set, and what they share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/data/random.hpp>

namespace sounder {

/// The settings of one set, checked: every key it has, within its range.
class Settings {
 public:
  Settings(std::string name, std::map<std::string_view, double> values)
      : name_(std::move(name)), values_(std::move(values)) {}

  double operator[](std::string_view key) const { return values_.at(key); }
  std::uint64_t whole(std::string_view key) const { return static_cast<std::uint64_t>(values_.at(key)); }
  std::uint32_t count(std::string_view key) const { return static_cast<std::uint32_t>(values_.at(key)); }
  const std::string& name() const { return name_; }

  /// What is drawn for `item` (an example, a feature, ...) of one kind; examples of the two parts differ.
  enum class Kind : std::uint64_t { example = 1, truth = 4, item_truth = 5, order = 6, pixel = 7 };
  Random random(Kind kind, std::uint64_t item) const {
    const std::uint64_t part = kind == Kind::example ? whole("part") : 0;
    return Random(whole("seed"), (static_cast<std::uint64_t>(kind) + part) << 48 | item);
  }

 private:
  std::string name_;
  std::map<std::string_view, double> values_;
};

/// Throws Error if a set would need more than 64 GiB.
void refuse_absurd(const Settings& settings, double bytes);

/// 0 ... size - 1 in random order, so that ids do not tell frequencies.
std::vector<std::uint32_t> random_ids(const Settings& settings, std::uint32_t size, std::uint64_t which);

Columns generate_text(const Settings& settings);  ///< rcv1, zipf
Columns generate_cold(const Settings& settings);
Columns generate_dense(const Settings& settings);
Columns generate_ratings(const Settings& settings);  ///< netflix
Columns generate_grid(const Settings& settings);     ///< grid-cut

}  // namespace sounder
