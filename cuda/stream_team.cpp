#include "stream_team.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "split.hpp"

namespace sounder::cuda {
namespace {

constexpr double kSegmentSeconds = 5e-3;  ///< of a kernel: the step size, a stop and the end of a round are seen between segments
constexpr std::size_t kBuffer = std::size_t{16} << 20;  ///< bytes: a copy of a millisecond where four streams share a bus; to pin memory takes longer than that
constexpr std::size_t kLastTakes = 4;     ///< a stream takes at most 1/kLastTakes of its part of what is left, so that all end together

}  // namespace

StreamTeam::StreamTeam(Device& device, int streams) : device_(device) {
  for (int i = 0; i < streams; ++i) streams_.push_back(device_.stream());
}

void StreamTeam::prepare(const StreamJob& job) {
  job_ = job;
  data_.reset();
  feeds_.clear();
  batches_.clear();
  order_.reset();
  data_.emplace(device_, *job_.data, job_.resident);
  if (job_.batches)
    for (const auto& stream : streams_) batches_.push_back(stream->batches(device_, *job_.batches, job_.cells));
  if (!job_.resident && job_.per_chunk > 0) make_feeds(job_.per_chunk);  // now, not within a round: pinned memory is slow to come by
  examples_.store(0, std::memory_order_relaxed);
}

int StreamTeam::drivers() const { return std::min(static_cast<int>(streams_.size()), job_.workers); }

std::string StreamTeam::remark() const {
  std::string text = job_.batches ? fmt::format("mini-batches of {} in {} streams", job_.batches->batch, streams_.size())
                                  : fmt::format("{} workers of {} lanes in {} streams", job_.workers, job_.program.lanes, streams_.size());
  text += job_.resident ? "; data resident" : feeds_.empty() ? "; data streamed" : fmt::format("; data streamed by 2 buffers of {} KiB a stream", feeds_[0]->bytes() >> 10);
  return text;
}

/// The order of the chunks on the device, or a feed for each stream.
void StreamTeam::bring_examples(const ChunkQueue& queue) {
  const std::size_t examples = job_.data->size();
  if (job_.resident) {
    if (!order_) order_ = device_.allocate(Where::device, (examples / queue.per_chunk() + 2) * sizeof(std::uint32_t));
    stream().copy(order_.get(), queue.order().data(), queue.order().size_bytes());
    return stream().wait();
  }
  if (feeds_.empty() || feeds_[0]->per_chunk() != queue.per_chunk()) make_feeds(queue.per_chunk());
}

void StreamTeam::make_feeds(std::size_t per_chunk) {
  feeds_.clear();
  const ChunkFeed::Shape chunk = ChunkFeed::shape_of(job_.data->examples(), per_chunk);
  const std::size_t most = free_for_data(device_.caps(), job_.model_bytes) / 2 / (2 * static_cast<std::size_t>(drivers()));  // bytes: half of it for all
  const std::size_t batch = job_.batches ? static_cast<std::size_t>(job_.batches->batch) : 1, least = std::min(chunk.chunks, (batch + per_chunk - 1) / per_chunk);
  if (least * chunk.bytes > most)
    throw Error(fmt::format("{} has {} KiB for each of the two buffers of {} streams, and {} examples take {} KiB: give {}", device_.caps().name, most >> 10, drivers(),
                            least * per_chunk, (least * chunk.bytes + 1023) >> 10,
                            drivers() > 1 ? "fewer --gpu-streams" : least > 1 ? "a smaller --batch" : "a smaller model, or --mode cpu"));
  const std::size_t chunks = std::clamp(std::min(kBuffer, most) / chunk.bytes, least, chunk.chunks);
  while (feeds_.size() < static_cast<std::size_t>(drivers()))
    feeds_.push_back(std::make_unique<ChunkFeed>(device_, job_.data->examples(), chunk, chunks));
}

Segment StreamTeam::common(const ChunkQueue& queue, float rate, std::size_t skipped) {
  bring_examples(queue);
  return {.cells = job_.cells,
          .examples = job_.resident ? tail(data_->examples(), skipped) : Examples{},
          .rarity = data_->rarity(),
          .order = static_cast<const std::uint32_t*>(order_.get()),
          .per_chunk = queue.per_chunk(),
          .rate = job_.batches ? rate * batch_scale(job_.batches->batch, drivers()) : rate,
          .groups = job_.batches ? 1 + (job_.batches->batch - 1) / static_cast<int>(kPiece) : job_.workers / drivers()};
}

void StreamTeam::start(ChunkQueue& queue, float rate, std::size_t skipped, std::function<void(std::size_t)> stepped) {
  begin({queue, common(queue, rate, skipped), job_.program, skipped, std::move(stepped)});
}

void StreamTeam::gather(ChunkQueue& queue, const StepProgram& program, const Cells& cells, std::ptrdiff_t decays, std::size_t most_chunks) {
  Work work{queue, common(queue, -1, 0), program, 0, {}, most_chunks};
  work.common.cells = cells;
  work.common.decays = decays;
  begin(std::move(work));
}

void StreamTeam::begin(Work work) {
  begun_ = Clock::now();
  allowed_.store(work.most_chunks, std::memory_order_relaxed);
  ends_.assign(static_cast<std::size_t>(drivers()), 0);
  for (std::size_t i = 0; i < ends_.size(); ++i)
    tasks_.push_back(std::make_unique<Task>([this, i, work] {
      drive(i, work);
      ends_[i] = std::chrono::duration<double>(Clock::now() - begun_).count();
    }));
}

double StreamTeam::join(std::exception_ptr& first) {
  for (auto& task : tasks_) task->join(first);
  tasks_.clear();
  return ends_.empty() ? 0 : *std::max_element(ends_.begin(), ends_.end());
}

/// At most `most` of the chunks that are left to this team.
std::size_t StreamTeam::reserve(std::size_t most) {
  std::size_t allowed = allowed_.load(std::memory_order_relaxed);
  while (!allowed_.compare_exchange_weak(allowed, allowed - std::min(most, allowed), std::memory_order_relaxed)) {
  }
  return std::min(most, allowed);
}

/// At most `most` chunks; with a feed, on their way to the device.
std::optional<StreamTeam::Taken> StreamTeam::take(const Work& work, std::size_t most, ChunkFeed* feed) {
  // Fewer than give each worker that runs a piece would take as long.
  const int groups = work.common.groups, running = job_.at_once ? std::clamp(*job_.at_once / drivers(), 1, groups) : groups;
  const std::size_t for_each_worker = (static_cast<std::size_t>(running) * kPiece + work.common.per_chunk - 1) / work.common.per_chunk;
  const std::size_t part = work.queue.left() / (kLastTakes * static_cast<std::size_t>(drivers()));
  most = std::max(for_each_worker, std::min(most, part));
  if (feed) most = std::min(most, feed->chunks());
  const std::size_t reserved = reserve(most);
  std::size_t first = 0, last = 0;
  if (reserved == 0 || !work.queue.take(reserved, first, last)) return {};
  allowed_.fetch_add(reserved - (last - first), std::memory_order_relaxed);
  Taken taken{.segment = work.common, .chunks = last - first, .last = work.queue.range(last - 1)};
  for (std::size_t i = first; i < last; ++i) taken.examples += work.queue.range(i).size();
  // As soon as they are taken: the exchange asks for our part in those.
  taken.segment.seed = static_cast<std::uint32_t>(examples_.fetch_add(taken.examples, std::memory_order_relaxed));
  taken.segment.first = first;
  taken.segment.chunks = last - first;
  if (feed) taken.segment = feed->load(tail(job_.data->examples(), work.skipped), work.queue, first, last, taken.segment);
  return taken;
}

/// One stream: segments of about kSegmentSeconds until the queue is empty.
void StreamTeam::drive(std::size_t number, Work work) {
  Stream& stream = *streams_[number];
  ChunkFeed* const feed = job_.resident ? nullptr : feeds_[number].get();
  std::size_t chunks = 1 + static_cast<std::size_t>(work.common.groups) * kPiece / work.common.per_chunk;
  if (!work.queue.check({})) return;
  for (std::optional<Taken> now = take(work, chunks, feed), next; now; now = feed ? std::exchange(next, {}) : take(work, chunks, feed)) {
    const auto begin = Clock::now();
    if (feed) feed->before(stream);
    if (job_.batches)
      batches_[number]->run(now->segment);
    else
      stream.step(work.program, job_.kernel->model.get(), now->segment);
    if (feed) next = take(work, chunks, feed);  // packed and copied while the stream trains
    stream.wait();
    if (work.stepped) work.stepped(now->examples);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const double more = std::min(2., kSegmentSeconds / std::max(seconds, 1e-6));
    chunks = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(now->chunks) * more));
    if (work.queue.check(now->last)) continue;
    if (next) work.queue.skip(next->examples), examples_.fetch_sub(next->examples, std::memory_order_relaxed);
    return;
  }
}

}  // namespace sounder::cuda
