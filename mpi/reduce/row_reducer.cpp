#include "reduce/row_reducer.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

constexpr std::size_t kEager = std::size_t{64} << 10;  ///< bytes that a rank may send to all others before it knows what they have

/// In front of what each rank tells first.
struct Offer {
  std::uint64_t bytes = 0;  ///< of the rows
  std::uint32_t rows = 0;
  std::uint16_t decays = 0, eager = 0;  ///< whether there are sums of a; whether the rows follow
};
static_assert(sizeof(Offer) == 16);

/// Who has a row, counted in a float for several rows: whole numbers below 2^24 add up exactly in any order.
class Counts {
 public:
  explicit Counts(int ranks) : bits_(static_cast<std::uint32_t>(std::bit_width(static_cast<unsigned>(ranks)))), each_(24 / bits_) {
    if (each_ == 0) throw Error(fmt::format("{} ranks are too many to reduce over: use 2^24 - 1 at most", ranks));
  }
  std::size_t floats(std::uint32_t rows) const { return (rows + each_ - 1) / each_; }
  void mark(std::span<float> counts, std::uint32_t row) const {
    counts[row / each_] += static_cast<float>(std::uint32_t{1} << (row % each_ * bits_));
  }
  bool any(std::span<const float> counts, std::uint32_t row) const {
    return (static_cast<std::uint32_t>(counts[row / each_]) >> (row % each_ * bits_) & ((std::uint32_t{1} << bits_) - 1)) != 0;
  }

 private:
  std::uint32_t bits_, each_;
};

Payload encoded(const RowView& rows) {
  return Payload::filled(encoded_size(rows), [&](std::span<std::byte> to) { encode(rows, to); });
}

}  // namespace

RowReducer::RowReducer(Endpoint& endpoint, std::unique_ptr<Reducer> reducer, const RowNumbers& numbers)
    : endpoint_(endpoint), reducer_(std::move(reducer)), numbers_(numbers) {}

RowSums RowReducer::sum(RowSums mine) {
  const auto ranks = static_cast<std::size_t>(endpoint_.size());
  if (ranks == 1) return mine;
  Offer own{.bytes = encoded_size(mine.view()), .rows = mine.count, .decays = !mine.decays.empty(), .eager = 0};
  own.eager = own.bytes <= kEager / (ranks - 1);
  std::vector<Payload> told = all_gather(endpoint_, Payload::filled(sizeof own + (own.eager ? own.bytes : 0), [&](std::span<std::byte> to) {
                                           std::memcpy(to.data(), &own, sizeof own);
                                           if (own.eager) encode(mine.view(), to.subspan(sizeof own));
                                         }));
  std::vector<Offer> offers(ranks);
  std::uint64_t bytes = 0;
  bool decays = false, no_decays = false, all_rows = false, whole = true, all_told = true;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    if (told[rank].size() < sizeof(Offer)) throw Error("a rank tells nothing of its gradients: run the same program on all ranks");
    std::memcpy(&offers[rank], told[rank].bytes().data(), sizeof(Offer));
    bytes += offers[rank].bytes;
    decays |= offers[rank].decays != 0;
    no_decays |= offers[rank].decays == 0;
    all_rows |= offers[rank].rows == numbers_.rows();
    whole &= offers[rank].rows == numbers_.rows();
    all_told &= offers[rank].eager != 0;
  }
  std::size_t table_floats = numbers_.floats() + (decays ? numbers_.rows() : 0);
  if (!all_rows) table_floats += Counts(endpoint_.size()).floats(numbers_.rows());
  if (!all_told && bytes > 2 * sizeof(float) * table_floats) {
    ++dense_sums_;
    return whole && decays != no_decays ? in_place(std::move(mine)) : dense(mine, decays, all_rows);
  }

  std::vector<Payload> rest(ranks);
  if (!all_told) rest = all_gather(endpoint_, own.eager ? Payload() : encoded(mine.view()));
  RowView first;  // it stays where it came until there is something to add to it
  RowSums sum;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    std::span<const std::byte> from = offers[rank].eager ? told[rank].bytes().subspan(sizeof(Offer)) : rest[rank].bytes();
    const RowView part = decode(from, numbers_);
    if (part.count == 0) continue;
    if (first.count == 0)
      first = part;
    else
      sum = add(sum.count == 0 ? first : sum.view(), part, numbers_);
  }
  return sum.count == 0 ? add(first, {}, numbers_) : sum;
}

/// All ranks have all rows, and decays of all or of none.
RowSums RowReducer::in_place(RowSums mine) {
  reducer_->sum(mine.sums);
  if (!mine.decays.empty()) reducer_->sum(mine.decays);
  return mine;
}

RowSums RowReducer::dense(const RowSums& mine, bool decays, bool all_rows) {
  const Counts counts(endpoint_.size());
  const std::size_t rows = numbers_.rows(), floats = numbers_.floats();
  tables_.assign(floats + (decays ? rows : 0) + (all_rows ? 0 : counts.floats(numbers_.rows())), 0.f);
  const std::span all(tables_);
  const auto table_sums = all.first(floats), table_decays = all.subspan(floats, decays ? rows : 0);
  const auto counted = all.subspan(floats + table_decays.size());
  const RowView view = mine.view();
  const float* from = view.sums.data();
  std::size_t i = 0;
  for (std::size_t table = 0; table < numbers_.tables(); ++table) {
    const std::size_t width = numbers_.width(table), table_begin = numbers_.floats_before(numbers_.begin(table));
    for (; i < view.count && view.number(i) < numbers_.end(table); ++i, from += width) {
      const std::uint32_t number = view.number(i);
      std::copy_n(from, width, table_sums.data() + table_begin + (number - numbers_.begin(table)) * width);
      if (!view.decays.empty()) table_decays[number] = view.decays[i];
      if (!all_rows) counts.mark(counted, number);
    }
  }
  reducer_->sum(all);

  RowSums sum;
  if (all_rows) {
    sum.count = numbers_.rows();
    sum.sums.assign(table_sums.begin(), table_sums.end());
    sum.decays.assign(table_decays.begin(), table_decays.end());
    return sum;
  }
  for (std::size_t table = 0; table < numbers_.tables(); ++table) {
    const std::size_t width = numbers_.width(table);
    const float* weights = table_sums.data() + numbers_.floats_before(numbers_.begin(table));
    for (std::uint32_t number = numbers_.begin(table); number < numbers_.end(table); ++number, weights += width) {
      if (!counts.any(counted, number)) continue;
      sum.numbers.push_back(number);
      sum.sums.insert(sum.sums.end(), weights, weights + width);
      if (decays) sum.decays.push_back(table_decays[number]);
    }
  }
  settle(sum);
  return sum;
}

}  // namespace sounder::mpi
