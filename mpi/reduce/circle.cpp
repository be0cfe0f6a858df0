#include "reduce/circle.hpp"

namespace sounder::mpi {

// Chunks are lent. What comes in for one holds this rank's part, so its part has been read when it is written over.
Walk circle(Lane lane, std::span<float> vector, std::vector<int> ranks, std::size_t own, std::size_t chunk_floats) {
  const std::size_t count = ranks.size();
  const int right = ranks[(own + 1) % count], left = ranks[(own + count - 1) % count];
  if (count == 1) co_return;
  for (const std::span<float> chunk : chunks_of(vector, own, count, chunk_floats)) lane.send(right, chunk);
  for (std::size_t step = 1; step < count; ++step)
    for (const std::span<float> chunk : chunks_of(vector, (own + count - step) % count, count, chunk_floats)) {
      const Payload sum = co_await lane.receive(left);
      add_to(chunk, sum);
      lane.send(right, chunk);
    }
  for (std::size_t step = 0; step + 1 < count; ++step)
    for (const std::span<float> chunk : chunks_of(vector, (own + count - step) % count, count, chunk_floats)) {
      const Payload sum = co_await lane.receive(left);
      if (step + 2 < count) lane.send(right, sum);
      copy_to(chunk, sum);
    }
}

}  // namespace sounder::mpi
