#include "window_store.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

/// As the library counts floats with int.
constexpr std::uint64_t kMostFloats = std::numeric_limits<std::int32_t>::max();
/// What a call tells of a piece, at most: as the rows of a sparse push.
constexpr std::size_t kPieceBytes = 12;

}  // namespace

WindowStore::WindowStore(Endpoint& endpoint, std::vector<KvTable> tables, std::span<const float> initial, const WindowOpener& open)
    : endpoint_(endpoint),
      map_(std::move(tables), endpoint.size()),
      everything_(map_.everything()),
      seen_(size(), Counts(1 + size())),
      added_(size()) {
  for (int rank = 0; rank < endpoint_.size(); ++rank) {
    std::vector<std::uint64_t>& offsets = offsets_.emplace_back(1);
    for (std::size_t table = 0; table < map_.tables().size(); ++table)
      offsets.push_back(offsets.back() + map_.rows(table, rank) * static_cast<std::uint64_t>(map_.tables()[table].width));
    if (offsets.back() > kMostFloats)
      throw Error(fmt::format("rank {} would hold {} floats in its window, and MPI counts up to {}: use more ranks", rank, offsets.back(), kMostFloats));
  }
  std::vector<float> own(own_floats(endpoint_.rank()));
  for (const Slice& slice : slices_of(everything_))
    if (slice.rank == endpoint_.rank()) std::ranges::copy(initial.subspan(slice.at, slice.piece.count), own.begin() + static_cast<std::ptrdiff_t>(slice.piece.first));
  barrier(endpoint_);  // to open one, all ranks must be there, and no deadline would tell who is not
  endpoint_.run([&] { window_ = open(endpoint_.transport(), own, 1 + size()); });
  barrier(endpoint_);
}

WindowStore::~WindowStore() {
  endpoint_.run([this] { window_.reset(); });  // behind all adds
}

std::vector<WindowStore::Slice> WindowStore::slices_of(std::span<const Run> runs) const {
  std::vector<Slice> slices;
  std::size_t at = 0;
  map_.cut(runs, [&](int rank, const Run& run) {
    const auto width = static_cast<std::uint64_t>(map_.tables()[run.table].width);
    const WindowPiece piece{offsets_[static_cast<std::size_t>(rank)][run.table] + run.first * width, run.count * width};
    slices.push_back({rank, piece, at});
    at += piece.count;
  });
  return slices;
}

std::vector<WindowStore::Part> WindowStore::parts_of(std::span<const Slice> slices, std::size_t ways) const {
  std::vector<Part> by_rank(size());
  std::vector<std::size_t> floats(size());
  for (const Slice& slice : slices) {
    const auto place = static_cast<std::size_t>(slice.rank);
    std::vector<WindowPiece>& pieces = by_rank[place].pieces;
    if (!pieces.empty() && pieces.back().first + pieces.back().count == slice.piece.first)
      pieces.back().count += slice.piece.count;
    else
      pieces.push_back(slice.piece);
    floats[place] += slice.piece.count;
  }
  std::vector<Part> parts;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::size_t rank = (self() + i) % size();  // each begins with another one
    if (by_rank[rank].pieces.empty()) continue;
    Part& part = parts.emplace_back(std::move(by_rank[rank]));
    part.rank = static_cast<int>(rank);
    part.values = std::make_shared<std::vector<float>>(floats[rank]);
    part.counts = std::make_shared<Counts>(1 + size());
    const std::size_t places = part.pieces.size() > 1 ? part.pieces.size() * kPieceBytes : 0;
    endpoint_.count(part.rank, places + ways * floats[rank] * sizeof(float) + 2 * (1 + size()) * sizeof(std::uint64_t));
  }
  return parts;
}

/// Waits for all that was begun before, begins this on the communication thread, and waits for it.
void WindowStore::await(const std::function<void()>& begin) {
  bool begun = false;
  endpoint_.poll(
      [&] {
        if (!window_->done()) return false;
        if (std::exchange(begun, true)) return true;
        begin();
        return window_->done();
      },
      {.what = "the window of a rank", .clock = 0, .on = [this] { return window_->awaited(); }});
  settle_adds();
}

void WindowStore::pull(std::span<const Run> runs, std::span<float> out) {
  const std::vector<Slice> slices = slices_of(runs);
  const std::vector<Part> parts = parts_of(slices, 1);
  await([&] {
    for (const Part& part : parts) {
      window_->count(part.rank, Counts(1 + size()), part.counts);
      window_->read(part.rank, part.pieces, part.values);
    }
  });
  std::vector<const float*> from(size());
  for (const Part& part : parts) {
    from[static_cast<std::size_t>(part.rank)] = part.values->data();
    look(part.rank, *part.counts);
  }
  for (const Slice& slice : slices) {
    const float*& next = from[static_cast<std::size_t>(slice.rank)];
    std::copy_n(next, slice.piece.count, out.begin() + static_cast<std::ptrdiff_t>(slice.at));
    next += slice.piece.count;
  }
}

void WindowStore::add(std::span<const Run> runs, std::span<const float> values) {
  const std::vector<Slice> slices = slices_of(runs);
  std::vector<Part> parts = parts_of(slices, 2);
  std::vector<float*> to(size());
  for (const Part& part : parts) {
    to[static_cast<std::size_t>(part.rank)] = part.values->data();
    ++added_[static_cast<std::size_t>(part.rank)];
  }
  for (const Slice& slice : slices) {
    float*& next = to[static_cast<std::size_t>(slice.rank)];
    next = std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(slice.at), slice.piece.count, next);
  }
  adds_.insert(adds_.end(), parts.begin(), parts.end());
  endpoint_.post([this, parts = std::move(parts)] {
    if (!endpoint_.failure().empty()) return;
    Counts one(1 + size());
    one[0] = one[1 + self()] = 1;
    for (const Part& part : parts) {
      window_->add(part.rank, part.pieces, part.values);
      window_->count(part.rank, one, part.counts);
    }
  });
}

void WindowStore::keep(int number) {
  auto copy = std::make_shared<std::vector<float>>(own_floats(endpoint_.rank()));
  kept_[number] = copy;
  if (copy->empty()) return;
  const WindowPiece all{0, copy->size()};
  window_->read(endpoint_.rank(), {&all, 1}, std::move(copy));
}

void WindowStore::quiesce() {
  await([] {});
  barrier(endpoint_);
  check_all_arrived();
}

void WindowStore::pull_kept(int number, std::span<float> out) {
  std::shared_ptr<std::vector<float>> own;
  await([&] { own = kept_.at(number); });
  const std::vector<Payload> all = all_gather(endpoint_, Payload::of(*own));
  for (const Slice& slice : slices_of(everything_))
    std::ranges::copy(all[static_cast<std::size_t>(slice.rank)].as<float>().subspan(slice.piece.first, slice.piece.count),
                      out.begin() + static_cast<std::ptrdiff_t>(slice.at));
}

void WindowStore::close() {
  barrier(endpoint_);
  endpoint_.run([this] { window_->close(); });
}

/// Counts that were read before the rows of a rank: no add is gone that was there, and the own ones are there.
void WindowStore::look(int rank, const Counts& counts) {
  Counts& seen = seen_[static_cast<std::size_t>(rank)];
  ++telemetry_.reads;
  for (std::size_t i = 0; i < counts.size(); ++i)
    broken_if(counts[i] < seen[i], fmt::format("a read of rank {} at rank {}: {} adds, and held before {}", endpoint_.rank(), rank, counts[i], seen[i]));
  if (const std::uint64_t own = counts[1 + self()], made = added_[static_cast<std::size_t>(rank)]; own != made)
    broken_if(true, fmt::format("a read of rank {} at rank {}: {} of its own {} adds", endpoint_.rank(), rank, own, made));
  seen = counts;
}

/// When all adds have their counts.
void WindowStore::settle_adds() {
  const auto others = [this](const Counts& counts) { return static_cast<std::int64_t>(counts[0] - counts[1 + self()]); };
  for (const Part& part : std::exchange(adds_, {}))  // counts and rows are not read in one moment
    telemetry_.staleness_updates.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, others(*part.counts) - others(seen_[static_cast<std::size_t>(part.rank)]))));
}

void WindowStore::broken_if(bool is, const std::string& what) {
  if (is && !telemetry_.violations++) telemetry_.first_violation = what;
}

/// This rank's counts, when nothing is under way, against what all ranks have added to it.
void WindowStore::check_all_arrived() {
  std::vector<Payload> told;
  for (const std::uint64_t adds : added_) told.push_back(Payload::of(Counts{adds}));
  const std::vector<Payload> added = all_to_all(endpoint_, std::move(told));
  const auto counts = std::make_shared<Counts>(1 + size());
  await([&] { window_->count(endpoint_.rank(), Counts(1 + size()), counts); });
  ++telemetry_.reads;
  std::uint64_t all = 0;
  for (std::size_t rank = 0; rank < size(); ++rank) {
    const std::uint64_t made = added[rank].as<std::uint64_t>()[0];
    all += made;
    if ((*counts)[1 + rank] != made)
      broken_if(true, fmt::format("at the end rank {} holds {} of the {} adds of rank {}", endpoint_.rank(), (*counts)[1 + rank], made, rank));
  }
  if ((*counts)[0] != all) broken_if(true, fmt::format("at the end rank {} has counted {} of {} adds", endpoint_.rank(), (*counts)[0], all));
}

}  // namespace sounder::mpi
