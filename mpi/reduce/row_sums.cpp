#include "reduce/row_sums.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

struct Head {
  std::uint32_t count, first;
  std::uint32_t numbered;  ///< whether the numbers follow
  std::uint32_t decays;    ///< how many follow: 0 or count
};
static_assert(sizeof(Head) == 16);

bool same_rows(const RowView& left, const RowView& right) {
  return left.count == right.count && left.number(0) == right.number(0) &&
         (left.numbers.empty() ? right.numbers.empty() : std::ranges::equal(left.numbers, right.numbers));
}

/// to = left + right, element by element; an empty side is 0.
void add_all(std::span<const float> left, std::span<const float> right, KeptVector<float>& to) {
  if (left.empty() || right.empty()) {
    to.assign((left.empty() ? right : left).begin(), (left.empty() ? right : left).end());
    return;
  }
  to.resize(left.size());
  const float *const a = left.data(), *const b = right.data();
  float* const c = to.data();
  for (std::size_t i = 0; i < left.size(); ++i) c[i] = a[i] + b[i];
}

/// Walks over the rows of one side, table by table.
class RowWalk {
 public:
  explicit RowWalk(const RowView& rows) : rows_(rows) {}
  bool before(std::uint32_t end) const { return at_ < rows_.count && rows_.number(at_) < end; }
  std::uint32_t number() const { return rows_.number(at_); }
  const float* sums() const { return rows_.sums.data() + float_at_; }
  float decay() const { return rows_.decays.empty() ? 0.f : rows_.decays[at_]; }
  void next(std::size_t width) { ++at_, float_at_ += width; }

 private:
  const RowView& rows_;
  std::size_t at_ = 0, float_at_ = 0;
};

}  // namespace

RowNumbers::RowNumbers(const Layout& layout) {
  std::size_t rows = 0, floats = 0;
  for (std::size_t table = 0; table < layout.tables(); ++table) {
    begins_.push_back(static_cast<std::uint32_t>(rows));
    floats_.push_back(floats);
    widths_.push_back(static_cast<std::size_t>(layout.shape(table).width));
    rows += layout.shape(table).rows;
    floats += layout.shape(table).rows * widths_.back();
    if (rows >= std::numeric_limits<std::uint32_t>::max())
      throw Error(fmt::format("the model has {} rows or more, and ranks number at most 2^32 - 2: use fewer features", rows));
  }
  begins_.push_back(static_cast<std::uint32_t>(rows));
}

std::size_t RowNumbers::floats_before(std::uint32_t number) const {
  std::size_t table = 0;
  while (table + 1 < widths_.size() && number >= begins_[table + 1]) ++table;
  return widths_.empty() ? 0 : floats_[table] + (number - begins_[table]) * widths_[table];
}

std::size_t RowView::lower_bound(std::uint32_t number) const {
  if (numbers.empty()) return std::min<std::size_t>(number > first ? number - first : 0, count);
  return static_cast<std::size_t>(std::ranges::lower_bound(numbers, number) - numbers.begin());
}

std::size_t floats_in(const RowView& rows, const RowNumbers& all) {
  if (rows.numbers.empty()) return all.floats_before(rows.first + rows.count) - all.floats_before(rows.first);
  std::size_t floats = 0;
  for (std::size_t table = 0; table < all.tables(); ++table)
    floats += (rows.lower_bound(all.end(table)) - rows.lower_bound(all.begin(table))) * all.width(table);
  return floats;
}

RowSums add(const RowView& left, const RowView& right, const RowNumbers& all) {
  RowSums sum;
  if (left.count == 0 || right.count == 0 || same_rows(left, right)) {
    const RowView& shape = left.count == 0 ? right : left;
    sum.count = shape.count;
    sum.first = shape.first;
    sum.numbers.assign(shape.numbers.begin(), shape.numbers.end());
    add_all(left.sums, right.sums, sum.sums);
    add_all(left.decays, right.decays, sum.decays);
    return sum;
  }
  const bool decays = !left.decays.empty() || !right.decays.empty();
  sum.numbers.reserve(std::size_t{left.count} + right.count);
  sum.sums.reserve(left.sums.size() + right.sums.size());
  if (decays) sum.decays.reserve(sum.numbers.capacity());
  RowWalk a(left), b(right);
  for (std::size_t table = 0; table < all.tables(); ++table) {
    const std::uint32_t end = all.end(table);
    const std::size_t width = all.width(table);
    const auto take = [&](RowWalk& from) {
      sum.numbers.push_back(from.number());
      sum.sums.insert(sum.sums.end(), from.sums(), from.sums() + width);
      if (decays) sum.decays.push_back(from.decay());
      from.next(width);
    };
    while (a.before(end) && b.before(end)) {
      if (a.number() < b.number()) {
        take(a);
      } else if (b.number() < a.number()) {
        take(b);
      } else {
        sum.numbers.push_back(a.number());
        for (std::size_t i = 0; i < width; ++i) sum.sums.push_back(a.sums()[i] + b.sums()[i]);
        if (decays) sum.decays.push_back(a.decay() + b.decay());
        a.next(width), b.next(width);
      }
    }
    while (a.before(end)) take(a);
    while (b.before(end)) take(b);
  }
  settle(sum);
  return sum;
}

void settle(RowSums& rows) {
  if (rows.numbers.empty()) return;
  rows.count = static_cast<std::uint32_t>(rows.numbers.size());
  rows.first = rows.numbers.front();
  if (rows.numbers.back() - rows.first + 1 == rows.count) rows.numbers.clear();
}

RowView part(const RowView& from, std::uint32_t begin, std::uint32_t end, const RowNumbers& all) {
  const std::size_t first = from.lower_bound(begin), last = from.lower_bound(end);
  if (first >= last) return {};
  // Floats before a row: those of all rows before it if they are consecutive, else row by row, a table at a time.
  const auto floats_before = [&](std::size_t index) {
    if (from.numbers.empty()) return all.floats_before(from.first + static_cast<std::uint32_t>(index)) - all.floats_before(from.first);
    std::size_t floats = 0;
    for (std::size_t table = 0; table < all.tables(); ++table)
      floats += (std::min(index, from.lower_bound(all.end(table))) - std::min(index, from.lower_bound(all.begin(table)))) * all.width(table);
    return floats;
  };
  const std::size_t float_begin = floats_before(first), float_end = floats_before(last);
  return {.count = static_cast<std::uint32_t>(last - first),
          .first = from.number(first),
          .numbers = from.numbers.empty() ? from.numbers : from.numbers.subspan(first, last - first),
          .sums = from.sums.subspan(float_begin, float_end - float_begin),
          .decays = from.decays.empty() ? from.decays : from.decays.subspan(first, last - first)};
}

std::size_t encoded_size(const RowView& rows) {
  return sizeof(Head) + rows.numbers.size_bytes() + rows.sums.size_bytes() + rows.decays.size_bytes();
}

void encode(const RowView& rows, std::span<std::byte> to) {
  const Head head{rows.count, rows.first, !rows.numbers.empty(), static_cast<std::uint32_t>(rows.decays.size())};
  std::byte* at = to.data();
  const auto put = [&](const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(at, from, bytes);
    at += bytes;
  };
  put(&head, sizeof head);
  put(rows.numbers.data(), rows.numbers.size_bytes());
  put(rows.sums.data(), rows.sums.size_bytes());
  put(rows.decays.data(), rows.decays.size_bytes());
}

namespace {

Error wrong_rows() { return Error("rows arrived that are cut short or not of this model: run the same program on all ranks"); }

std::span<const std::byte> taken(std::span<const std::byte>& bytes, std::size_t size) {
  if (bytes.size() < size) throw wrong_rows();
  const auto front = bytes.first(size);
  bytes = bytes.subspan(size);
  return front;
}

std::span<const float> taken_floats(std::span<const std::byte>& bytes, std::size_t count) {
  return {reinterpret_cast<const float*>(taken(bytes, count * sizeof(float)).data()), count};
}

/// The rows without their floats; how many sums of a follow.
RowView decode_numbers(std::span<const std::byte>& bytes, const RowNumbers& all, std::uint32_t& decays) {
  Head head;
  std::memcpy(&head, taken(bytes, sizeof head).data(), sizeof head);
  RowView rows{.count = head.count, .first = head.first, .numbers = {}, .sums = {}, .decays = {}};
  if (head.count > all.rows() || head.first > all.rows() - head.count || (head.decays != 0 && head.decays != head.count)) throw wrong_rows();
  if (head.numbered) {
    rows.numbers = {reinterpret_cast<const std::uint32_t*>(taken(bytes, head.count * sizeof(std::uint32_t)).data()), head.count};
    if (head.count > 0 && rows.numbers.back() >= all.rows()) throw wrong_rows();
  }
  decays = head.decays;
  return rows;
}

}  // namespace

RowView decode(std::span<const std::byte>& bytes, const RowNumbers& all) {
  std::uint32_t decays = 0;
  RowView rows = decode_numbers(bytes, all, decays);
  rows.sums = taken_floats(bytes, floats_in(rows, all));
  rows.decays = taken_floats(bytes, decays);
  return rows;
}

RowView decode(std::span<const std::byte>& bytes, const RowNumbers& all, const RowFloats& floats) {
  std::uint32_t decays = 0;
  RowView rows = decode_numbers(bytes, all, decays);
  rows.sums = floats.sums;
  rows.decays = floats.decays;
  if (rows.sums.size() != floats_in(rows, all) || (!rows.decays.empty() && rows.decays.size() != rows.count)) throw wrong_rows();
  return rows;
}

}  // namespace sounder::mpi
