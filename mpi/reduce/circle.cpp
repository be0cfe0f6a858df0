#include "reduce/circle.hpp"

#include <deque>
#include <utility>

namespace sounder::mpi {
namespace {

/// Chunks that are under way to the next rank at one time. More do not stay in the caches, nor in the memory that the ranks of a machine share (fewer would not
/// keep a link busy): 16 MiB on 2 ranks of one machine take 1.4 times as long if all chunks of a segment leave at once.
constexpr std::size_t kAhead = 4;

}  // namespace

// Chunks are lent. What comes in for one holds this rank's part, so its part has been read when it is written over.
Walk circle(Lane lane, std::span<float> vector, std::vector<int> ranks, std::size_t own, std::size_t chunk_floats) {
  const std::size_t count = ranks.size();
  const int right = ranks[(own + 1) % count], left = ranks[(own + count - 1) % count];
  if (count == 1) co_return;
  std::deque<Payload> leaving;  // as many as there are at first, until those of the last step come in: nobody waits for what is not sent
  const auto send_next = [&] {
    if (leaving.empty()) return;
    lane.send(right, std::move(leaving.front()));
    leaving.pop_front();
  };
  for (const std::span<float> chunk : chunks_of(vector, own, count, chunk_floats)) leaving.push_back(lane.lend(chunk));
  for (std::size_t i = 0; i < kAhead; ++i) send_next();
  for (std::size_t step = 1; step < count; ++step)
    for (const std::span<float> chunk : chunks_of(vector, (own + count - step) % count, count, chunk_floats)) {
      const Payload sum = co_await lane.receive(left);
      add_to(chunk, sum);
      leaving.push_back(lane.lend(chunk));
      send_next();
    }
  for (std::size_t step = 0; step + 1 < count; ++step)
    for (const std::span<float> chunk : chunks_of(vector, (own + count - step) % count, count, chunk_floats)) {
      const Payload sum = co_await lane.receive(left);
      if (step + 2 < count) leaving.push_back(sum);
      send_next();
      copy_to(chunk, sum);
    }
}

}  // namespace sounder::mpi
