// Codec `topk:F`: the values of largest magnitude, F times as many as a round's gradient has, exactly; 8 bytes each. The sum of a of a row
// goes along with the first of its values that does. The others wait, and grow.
// Source: Aji, Heafield, "Sparse communication for distributed gradient descent", EMNLP 2017; Stich, Cordonnier, Jaggi, "Sparsified SGD with
//   memory", NeurIPS 2018, on why that converges.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "codec/codec.hpp"

namespace sounder::mpi {
namespace {

class TopK final : public Codec {
 public:
  TopK(const RowNumbers& numbers, double share) : numbers_(numbers), share_(share) {
    if (numbers.floats() > std::numeric_limits<std::uint32_t>::max())
      throw Error(fmt::format("--codec topk numbers values with 32 bits, and the model has {}: give --codec int8", numbers.floats()));
  }

  bool chooses() const override { return true; }

  /// Rows, values of each row, where in the row, values, sums of a.
  std::vector<std::byte> encode(const RowView& rows, std::size_t fresh) const override {
    const auto most = static_cast<std::size_t>(std::ceil(share_ * static_cast<double>(fresh)));
    const std::size_t take = std::min(std::max<std::size_t>(1, most), rows.sums.size());
    std::vector<std::uint32_t> places(rows.sums.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::uint32_t>(i);
    const auto larger = [&](std::uint32_t a, std::uint32_t b) {
      const float left = std::abs(rows.sums[a]), right = std::abs(rows.sums[b]);
      return left != right ? left > right : a < b;
    };
    std::nth_element(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(take), places.end(), larger);
    places.resize(take);
    std::erase_if(places, [&](std::uint32_t place) { return rows.sums[place] == 0; });
    std::ranges::sort(places);

    std::vector<std::uint32_t> indices;
    std::vector<float> values, decays;
    std::size_t next = 0, before = 0;  // of the floats of `rows`
    for (std::size_t i = 0, table = 0; i < rows.count && next < places.size(); ++i) {
      while (rows.number(i) >= numbers_.end(table)) ++table;
      const std::size_t width = numbers_.width(table), begin = numbers_.floats_before(rows.number(i));
      if (!rows.decays.empty() && places[next] < before + width) decays.push_back(rows.decays[i]);
      for (; next < places.size() && places[next] < before + width; ++next) {
        indices.push_back(static_cast<std::uint32_t>(begin + places[next] - before));
        values.push_back(rows.sums[places[next]]);
      }
      before += width;
    }
    const Head head{static_cast<std::uint32_t>(values.size()), static_cast<std::uint32_t>(decays.size())};
    std::vector<std::byte> bytes(sizeof head + (indices.size() + values.size() + decays.size()) * 4);
    std::byte* to = bytes.data();
    const auto put = [&to](const void* from, std::size_t size) {
      if (size > 0) std::memcpy(to, from, size);
      to += size;
    };
    put(&head, sizeof head);
    put(indices.data(), indices.size() * sizeof indices[0]);
    put(values.data(), values.size() * sizeof values[0]);
    put(decays.data(), decays.size() * sizeof decays[0]);
    return bytes;
  }

  RowSums decode(std::span<const std::byte> bytes) const override {
    const auto wrong = [] { return Error("a coded gradient arrived that is cut short or not of this model: run the same program on all ranks"); };
    Head head{};
    if (bytes.size() < sizeof head) throw wrong();
    std::memcpy(&head, bytes.data(), sizeof head);
    if (bytes.size() != sizeof head + head.values * 8 + head.decays * 4) throw wrong();
    const auto* const indices = reinterpret_cast<const std::uint32_t*>(bytes.data() + sizeof head);
    const auto* const values = reinterpret_cast<const float*>(indices + head.values);
    const float* const decays = values + head.values;
    RowSums rows;
    for (std::size_t i = 0, table = 0, before = 0; i < head.values; ++i) {  // `before`: floats of the tables in front
      while (table < numbers_.tables() && indices[i] >= before + (numbers_.end(table) - numbers_.begin(table)) * numbers_.width(table)) {
        before += (numbers_.end(table) - numbers_.begin(table)) * numbers_.width(table);
        ++table;
      }
      if (table == numbers_.tables()) throw wrong();
      const std::size_t width = numbers_.width(table), in_table = indices[i] - before;
      const auto number = static_cast<std::uint32_t>(numbers_.begin(table) + in_table / width);
      if (rows.numbers.empty() || rows.numbers.back() != number) {
        if (!rows.numbers.empty() && rows.numbers.back() > number) throw wrong();
        rows.numbers.push_back(number);
        rows.sums.resize(rows.sums.size() + width);
        if (head.decays != 0) {
          if (rows.decays.size() == head.decays) throw wrong();
          rows.decays.push_back(decays[rows.decays.size()]);
        }
      }
      rows.sums[rows.sums.size() - width + in_table % width] = values[i];
    }
    settle(rows);
    return rows;
  }

 private:
  struct Head {
    std::uint32_t values, decays;
  };
  const RowNumbers& numbers_;
  const double share_;
};

}  // namespace

std::unique_ptr<Codec> make_topk(const RowNumbers& numbers, double share) { return std::make_unique<TopK>(numbers, share); }

}  // namespace sounder::mpi
