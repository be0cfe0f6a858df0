// An example travels as 32-bit words: its number, its label, its size where sizes differ, its ids, its values.
#include "data/deal.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "collectives.hpp"
#include "data/shards.hpp"

namespace sounder::mpi {
namespace {

using Words = std::vector<std::uint32_t>;

/// What the examples of a set have; the same for all of them. A part without entries cannot tell of ids and values, but
/// then writes none either.
struct Form {
  bool sized = false, ids = false, values = false;
  std::uint32_t width = 0;

  explicit Form(const Columns& part)
      : sized(!part.offsets.empty()), ids(!part.ids.empty()), values(!part.values.empty()), width(part.width) {}
  std::size_t words_an_entry() const { return (ids ? 1u : 0u) + (values ? 1u : 0u); }
  std::uint32_t flags() const { return (ids ? 1u : 0u) | (values ? 2u : 0u); }
  void add(std::uint32_t flags) {
    ids = ids || (flags & 1u);
    values = values || (flags & 2u);
  }
};

std::pair<std::uint64_t, std::uint64_t> entries_of(const Columns& part, std::size_t i) {
  if (part.offsets.empty()) return {std::uint64_t{i} * part.width, (std::uint64_t{i} + 1) * part.width};
  return {part.offsets[i], part.offsets[i + 1]};
}

std::vector<Payload> pack(const Columns& part, const Place& place, PartitionName partition, int workers, int ranks) {
  const Form form(part);
  const auto owner = [&](std::size_t i) {
    return static_cast<std::size_t>(owner_of(shard_of(place.first + i, place.examples, partition, workers), workers));
  };
  std::vector<std::size_t> sizes(static_cast<std::size_t>(ranks), 1);
  for (std::size_t i = 0; i < part.examples(); ++i) {
    const auto [begin, end] = entries_of(part, i);
    sizes[owner(i)] += 2 + (form.sized ? 1 : 0) + (end - begin) * form.words_an_entry();
  }
  std::vector<Words> words(sizes.size());
  for (std::size_t rank = 0; rank < words.size(); ++rank) {
    words[rank].reserve(sizes[rank]);
    words[rank].push_back(form.flags());
  }
  for (std::size_t i = 0; i < part.examples(); ++i) {
    const auto [begin, end] = entries_of(part, i);
    Words& out = words[owner(i)];
    out.push_back(static_cast<std::uint32_t>(place.first + i));
    out.push_back(std::bit_cast<std::uint32_t>(part.labels[i]));
    if (form.sized) out.push_back(static_cast<std::uint32_t>(end - begin));
    if (form.ids) out.insert(out.end(), part.ids.data() + begin, part.ids.data() + end);
    if (form.values)
      for (std::uint64_t k = begin; k < end; ++k) out.push_back(std::bit_cast<std::uint32_t>(part.values[k]));
  }
  std::vector<Payload> payloads;
  for (Words& out : words) payloads.push_back(Payload::of(std::move(out)));
  return payloads;
}

/// One example as it was sent.
struct Record {
  std::uint32_t index, label;
  std::size_t size;
  const std::uint32_t *ids, *values;  ///< not read where there are none
};

/// f(record) for every example, by sender and then in the order of the input.
template <class F>
void for_each(const std::vector<Payload>& received, const Form& form, F f) {
  for (const Payload& payload : received) {
    const auto words = payload.as<std::uint32_t>();
    Form sent = form;
    sent.ids = words[0] & 1u;
    sent.values = words[0] & 2u;
    for (const std::uint32_t *p = words.data() + 1, *const end = words.data() + words.size(); p < end;) {
      Record record{.index = p[0], .label = p[1], .size = form.sized ? p[2] : form.width, .ids = nullptr, .values = nullptr};
      record.ids = p + 2 + (form.sized ? 1 : 0);
      record.values = record.ids + (sent.ids ? record.size : 0);
      p = record.values + (sent.values ? record.size : 0);
      f(record);
    }
  }
}

/// Puts what was received in its place. Two walks: the first finds where each shard begins.
class Unpacking {
 public:
  Unpacking(const std::vector<Payload>& received, const Form& form, const Place& place, PartitionName partition, int workers, int first_shard,
            int shards)
      : received_(received), form_(form), place_(place), partition_(partition), workers_(workers), entry_begins_(static_cast<std::size_t>(shards) + 1) {
    dealt_.first_shard = first_shard;
    dealt_.shard_begins.resize(entry_begins_.size());
  }

  Dealt run() {
    for_each(received_, form_, [&](const Record& record) {
      ++dealt_.shard_begins[slot(record) + 1];
      entry_begins_[slot(record) + 1] += record.size;
    });
    for (std::size_t s = 1; s < entry_begins_.size(); ++s) {
      dealt_.shard_begins[s] += dealt_.shard_begins[s - 1];
      entry_begins_[s] += entry_begins_[s - 1];
    }
    allocate();
    next_ = dealt_.shard_begins;
    for_each(received_, form_, [&](const Record& record) { put(record); });
    return std::move(dealt_);
  }

 private:
  std::size_t slot(const Record& record) const {
    return static_cast<std::size_t>(shard_of(record.index, place_.examples, partition_, workers_) - dealt_.first_shard);
  }

  void allocate() {
    const std::size_t examples = dealt_.shard_begins.back(), entries = entry_begins_.back();
    Columns& columns = dealt_.columns;
    columns.width = form_.width;
    dealt_.positions.resize(examples);
    columns.labels.resize(examples);
    if (form_.sized) columns.offsets.assign(examples + 1, 0);
    if (form_.ids) columns.ids.resize(entries);
    if (form_.values) columns.values.resize(entries);
  }

  void put(const Record& record) {
    const std::size_t s = slot(record), i = next_[s]++, at = entry_begins_[s];
    entry_begins_[s] += record.size;
    Columns& columns = dealt_.columns;
    dealt_.positions[i] = record.index;
    columns.labels[i] = std::bit_cast<float>(record.label);
    if (form_.sized) columns.offsets[i + 1] = at + record.size;
    if (form_.ids) std::copy_n(record.ids, record.size, columns.ids.data() + at);
    if (form_.values)
      for (std::size_t k = 0; k < record.size; ++k) columns.values[at + k] = std::bit_cast<float>(record.values[k]);
  }

  const std::vector<Payload>& received_;
  const Form form_;
  const Place place_;
  const PartitionName partition_;
  const int workers_;
  std::vector<std::size_t> entry_begins_, next_;  ///< by shard
  Dealt dealt_;
};

}  // namespace

Dealt deal(Endpoint& endpoint, Columns part, const Place& place, PartitionName partition, int workers) {
  Form form(part);
  std::vector<Payload> packed = pack(part, place, partition, workers, endpoint.size());
  Columns shape;  // the rest is let go before as much again arrives
  shape.name = std::move(part.name);
  shape.classes = std::move(part.classes);
  shape.spaces = part.spaces;
  part = {};
  const std::vector<Payload> received = all_to_all(endpoint, std::move(packed));
  for (const Payload& payload : received) form.add(payload.as<std::uint32_t>()[0]);

  const int rank = endpoint.rank();
  const int first = first_shard_of(std::min(rank, workers), workers), end = first_shard_of(std::min(rank + 1, workers), workers);
  Dealt dealt = Unpacking(received, form, place, partition, workers, first, end - first).run();
  dealt.columns.name = std::move(shape.name);
  dealt.columns.classes = std::move(shape.classes);
  dealt.columns.spaces = shape.spaces;
  return dealt;
}

}  // namespace sounder::mpi
