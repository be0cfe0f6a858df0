#include "reduce/mean.hpp"

#include <algorithm>
#include <cstring>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

/// A slice on its way: this, then if not all rows travel their numbers within the slice (32 bits each, ascending), then weights.
struct Head {
  double weight;
  std::uint64_t rows;  ///< kAll, or how many
};
constexpr std::uint64_t kAll = ~std::uint64_t{0};

struct Reader {
  explicit Reader(const Payload& payload) : head(payload.as<Head>()[0]), all(head.rows == kAll) {
    const auto words = payload.bytes().subspan(sizeof(Head));
    rows = reinterpret_cast<const std::uint32_t*>(words.data());
    values = reinterpret_cast<const float*>(words.data()) + (all ? 0 : head.rows);
  }
  /// f(place in the slice, the sent values or null, floats) for stretches that make up `runs` rows of one width, in order.
  template <class F>
  void stretches(std::size_t place, std::size_t runs, std::size_t width, F f) {
    const std::size_t end = row_ + runs;
    if (all) {
      f(place, values, runs * width);
      values += runs * width;
    } else {
      while (row_ < end) {
        const std::size_t next = next_ < head.rows ? std::min<std::size_t>(rows[next_], end) : end;
        if (next > row_) f(place, static_cast<const float*>(nullptr), (next - row_) * width);
        place += (next - row_) * width;
        row_ = next;
        if (row_ == end) break;
        f(place, values, width);
        values += width, place += width, ++row_, ++next_;
      }
    }
    row_ = end;
  }

  Head head;
  bool all;
  const std::uint32_t* rows;
  const float* values;

 private:
  std::size_t row_ = 0, next_ = 0;
};

}  // namespace

MeanReducer::MeanReducer(Endpoint& endpoint, const Layout& layout) : endpoint_(endpoint) {
  std::size_t floats = 0;
  for (std::size_t table = 0; table < layout.tables(); ++table) {
    const TableShape& shape = layout.shape(table);
    tables_.push_back({shape.rows, static_cast<std::size_t>(shape.width), floats});
    floats += tables_.back().rows * tables_.back().width;
  }
  const auto ranks = static_cast<std::size_t>(endpoint.size());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::size_t wanted = floats / ranks * rank + floats % ranks * rank / ranks;
    std::size_t table = 0;
    while (table < tables_.size() && wanted >= tables_[table].begin + tables_[table].rows * tables_[table].width) ++table;
    const std::size_t row = table < tables_.size() ? (wanted - tables_[table].begin) / tables_[table].width : 0;
    slices_.push_back({table < tables_.size() ? tables_[table].begin + row * tables_[table].width : floats, table, row});
  }
  slices_.push_back({floats, tables_.size(), 0});
}

/// f(table, place among the packed weights, rows) for each table that the slice of a rank has rows of.
template <class F>
void MeanReducer::each_run(std::size_t rank, F f) const {
  for (std::size_t table = slices_[rank].table; table < tables_.size() && table <= slices_[rank + 1].table; ++table) {
    const std::size_t first = table == slices_[rank].table ? slices_[rank].row : 0;
    const std::size_t last = table == slices_[rank + 1].table ? slices_[rank + 1].row : tables_[table].rows;
    if (first < last) f(table, tables_[table].begin + first * tables_[table].width, last - first);
  }
}

/// Of the slice of `rank`, whatever differs from `base`; all of it without a base. Both point to its begin.
Payload MeanReducer::encode(std::size_t rank, const float* base, const float* values, double weight) const {
  const std::size_t begin = slices_[rank].begin, floats = slices_[rank + 1].begin - begin;
  std::vector<std::uint32_t> moved;
  std::size_t moved_floats = 0;
  if (base && weight > 0) {
    std::size_t row = 0;
    each_run(rank, [&](std::size_t table, std::size_t place, std::size_t rows) {
      const std::size_t width = tables_[table].width;
      for (std::size_t i = 0, at = place - begin; i < rows; ++i, ++row, at += width)
        if (std::memcmp(base + at, values + at, width * sizeof(float)) != 0) {
          moved.push_back(static_cast<std::uint32_t>(row));
          moved_floats += width;
        }
    });
  }
  const bool all = !base || moved_floats + moved.size() >= floats;
  const std::size_t size = sizeof(Head) + sizeof(float) * (all ? floats : moved.size() + moved_floats);
  return Payload::filled(size, [&](std::span<std::byte> out) {
    const Head head{weight, all ? kAll : moved.size()};
    std::memcpy(out.data(), &head, sizeof(Head));
    std::byte* to = out.data() + sizeof(Head);
    const auto put = [&](const void* from, std::size_t bytes) { to = std::copy_n(static_cast<const std::byte*>(from), bytes, to); };
    if (all) return put(values, floats * sizeof(float));
    put(moved.data(), moved.size() * sizeof(std::uint32_t));
    std::size_t row = 0, next = 0;
    each_run(rank, [&](std::size_t table, std::size_t place, std::size_t rows) {
      const std::size_t width = tables_[table].width;
      for (; next < moved.size() && moved[next] < row + rows; ++next)
        put(values + (place - begin) + (moved[next] - row) * width, width * sizeof(float));
      row += rows;
    });
  });
}

/// The mean of the slice of this rank.
void MeanReducer::own(std::span<const float> base, const std::vector<Payload>& parts, std::span<float> mean) const {
  double total = 0;
  for (const Payload& part : parts) total += Reader(part).head.weight;
  if (total == 0) {
    if (base.empty() && !mean.empty()) throw Error("a mean over ranks needs a rank that counts: none gave a weight above 0");
    return static_cast<void>(std::copy_n(base.begin() + static_cast<std::ptrdiff_t>(slice_begin()), mean.size(), mean.begin()));
  }
  std::vector<double> sums(mean.size());
  for (const Payload& part : parts) {
    Reader reader(part);
    const double weight = reader.head.weight;
    if (weight == 0) continue;
    each_run(me(), [&](std::size_t table, std::size_t place, std::size_t rows) {
      reader.stretches(place - slice_begin(), rows, tables_[table].width, [&](std::size_t at, const float* sent, std::size_t floats) {
        const float* const values = sent ? sent : base.data() + slice_begin() + at;
        for (std::size_t i = 0; i < floats; ++i) sums[at + i] += weight * static_cast<double>(values[i]);
      });
    });
  }
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<float>(sums[i] / total);
}

void MeanReducer::reduce(std::span<float> values, double weight) { reduce({}, values, weight); }

void MeanReducer::reduce(std::span<const float> base, std::span<float> values, double weight, const Finish& finish) {
  const auto ranks = static_cast<std::size_t>(endpoint_.size());
  const auto base_of = [&](std::size_t rank) { return base.empty() ? nullptr : base.data() + slices_[rank].begin; };
  std::vector<Payload> to;
  const auto count = [&](std::size_t rank, const Payload& payload, std::size_t receivers) {
    bytes_ += payload.size() * receivers;
    dense_bytes_ += (sizeof(Head) + sizeof(float) * (slices_[rank + 1].begin - slices_[rank].begin)) * receivers;
  };
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    to.push_back(encode(rank, base_of(rank), values.data() + slices_[rank].begin, weight));
    count(rank, to.back(), rank != me());
  }

  std::vector<float> mean(slice_end() - slice_begin());
  own(base, all_to_all(endpoint_, std::move(to)), mean);
  if (finish)
    each_run(me(), [&](std::size_t table, std::size_t place, std::size_t rows) {
      const std::size_t floats = rows * tables_[table].width;
      finish(table, place, base.empty() ? base : base.subspan(place, floats), std::span(mean).subspan(place - slice_begin(), floats));
    });

  const Payload mine = encode(me(), base_of(me()), mean.data(), 1);
  count(me(), mine, ranks - 1);
  const std::vector<Payload> means = all_gather(endpoint_, mine);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    Reader reader(means[rank]);
    each_run(rank, [&](std::size_t table, std::size_t place, std::size_t rows) {
      reader.stretches(place, rows, tables_[table].width, [&](std::size_t at, const float* sent, std::size_t floats) {
        std::copy_n(sent ? sent : base.data() + at, floats, values.data() + at);
      });
    });
  }
}

}  // namespace sounder::mpi
