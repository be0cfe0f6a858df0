// The parts that mode bsp is put together from.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modes/mode.hpp"
#include "reduce/buckets.hpp"
#include "reduce/deterministic.hpp"
#include "reduce/row_reducer.hpp"

namespace sounder::mpi {

/// What tests exchange: how sums are cut for travelling, how rows are added up, whether what a codec leaves out is kept, who finishes the
/// tree over the shards, and who sends pieces of a gradient while others are computed.
struct BspParts {
  bool feedback = true;
  std::size_t chunk_bytes = kChunkBytes;
  std::optional<double> sum_limit{};  ///< of gradients of a row, see gradients/sum_limit.hpp; unset: measured
  std::function<RowSums(RowReducer&, RowSums mine)> sum = [](RowReducer& reducer, RowSums mine) { return reducer.sum(std::move(mine)); };
  std::function<std::unique_ptr<TreeReducer>(Endpoint&, const RowNumbers&, const TreeOptions&)> tree =
      [](Endpoint& endpoint, const RowNumbers& numbers, const TreeOptions& options) {
        return std::make_unique<TreeReducer>(endpoint, numbers, options);
      };
  std::size_t piece_bytes = std::size_t{32} << 10;  ///< large beside what a message costs, small beside a layer worth hiding
  std::function<std::unique_ptr<Buckets>(Endpoint&, std::unique_ptr<WalkedReducer>, std::vector<std::size_t> ends)> buckets =
      [](Endpoint& endpoint, std::unique_ptr<WalkedReducer> reducer, std::vector<std::size_t> ends) {
        return std::make_unique<Buckets>(endpoint, std::move(reducer), std::move(ends));
      };
};

/// How much of the sum of the gradients of a round each row moves by, [table][row]: min(1, limit / expected examples of the round that
/// touch it). Collective.
class BspScales {
 public:
  /// `counted`: the share of a round's gradients that are added up.
  BspScales(const Setting& setting, const RowNumbers& numbers, const BspParts& parts, double counted = 1);
  std::size_t rounds() const { return rounds_; }     ///< of an epoch
  double examples() const { return examples_; }      ///< of a round, those that count
  const std::vector<std::vector<double>>& shares() const { return *shares_; }
  const std::vector<std::vector<float>>& operator()() const { return *scales_; }
  std::string remark() const;
  std::map<std::string, std::string> notes() const;

 private:
  double limit_of(const Setting& setting, const RowNumbers& numbers, const BspParts& parts) const;

  std::size_t rounds_;
  double examples_;
  std::shared_ptr<const std::vector<std::vector<double>>> shares_;  ///< both: of all ranks, where they live in one process
  double limit_;
  std::shared_ptr<const std::vector<std::vector<float>>> scales_;
};

/// By --reducer.
std::unique_ptr<Reducer> make_bsp_reducer(const Setting& setting, const BspParts& parts);

std::unique_ptr<RankDiscipline> make_bsp(const Setting& setting, const BspParts& parts = {});
/// For models whose gradient comes layer by layer; null for all others, for sparse examples, and for a reducer that blocks. Collective.
std::unique_ptr<RankDiscipline> make_bsp_by_layers(const Setting& setting, const BspParts& parts = {});
/// --architecture server: parameters and rule state lie with servers.
std::unique_ptr<RankDiscipline> make_bsp_by_servers(const Setting& setting, const BspParts& parts = {});

}  // namespace sounder::mpi
