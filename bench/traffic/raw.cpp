#include "traffic/raw.hpp"

#include <cstddef>
#include <vector>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

/// Of the vector, that which rank 1 ... size - 1 holds.
std::span<float> part_of(std::span<float> vector, int rank, int size) {
  const auto parts = static_cast<std::size_t>(size - 1), part = static_cast<std::size_t>(rank - 1);
  const std::size_t begin = vector.size() * part / parts, end = vector.size() * (part + 1) / parts;
  return vector.subspan(begin, end - begin);
}

enum Tag { kAsk, kPart };

}  // namespace

OwnMpi::OwnMpi(int& argc, char**& argv) {
  int level = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS || level < MPI_THREAD_SERIALIZED)
    throw Error("MPI could not be initialized with MPI_THREAD_SERIALIZED: use an MPI library that allows it");
}
OwnMpi::~OwnMpi() { MPI_Finalize(); }

void raw_push(int rank, int size, std::span<float> vector) {
  std::vector<MPI_Request> requests;
  if (rank == 0) {
    for (int to = 1; to < size; ++to) {
      const std::span<float> part = part_of(vector, to, size);
      MPI_Irecv(nullptr, 0, MPI_BYTE, to, kAsk, MPI_COMM_WORLD, &requests.emplace_back());
      MPI_Isend(part.data(), static_cast<int>(part.size()), MPI_FLOAT, to, kPart, MPI_COMM_WORLD, &requests.emplace_back());
    }
  } else {
    const std::span<float> part = part_of(vector, rank, size);
    MPI_Irecv(part.data(), static_cast<int>(part.size()), MPI_FLOAT, 0, kPart, MPI_COMM_WORLD, &requests.emplace_back());
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Isend(nullptr, 0, MPI_BYTE, 0, kAsk, MPI_COMM_WORLD, &requests[0]);
  }
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

void raw_pull(int rank, int size, std::span<float> vector) {
  std::vector<MPI_Request> requests;
  if (rank == 0) {
    for (int from = 1; from < size; ++from) {
      const std::span<float> part = part_of(vector, from, size);
      MPI_Irecv(part.data(), static_cast<int>(part.size()), MPI_FLOAT, from, kPart, MPI_COMM_WORLD, &requests.emplace_back());
      MPI_Isend(nullptr, 0, MPI_BYTE, from, kAsk, MPI_COMM_WORLD, &requests.emplace_back());
    }
  } else {
    const std::span<float> part = part_of(vector, rank, size);
    MPI_Recv(nullptr, 0, MPI_BYTE, 0, kAsk, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Isend(part.data(), static_cast<int>(part.size()), MPI_FLOAT, 0, kPart, MPI_COMM_WORLD, &requests.emplace_back());
  }
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

void raw_ping_pong(int rank, int rounds, int bytes) {
  std::vector<char> buffer(static_cast<std::size_t>(bytes));
  const int other = 1 - rank;
  for (int round = 0; rank < 2 && round < rounds; ++round) {
    if (rank == 0) MPI_Send(buffer.data(), bytes, MPI_BYTE, other, kAsk, MPI_COMM_WORLD);
    MPI_Recv(buffer.data(), bytes, MPI_BYTE, other, kAsk, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) MPI_Send(buffer.data(), bytes, MPI_BYTE, other, kAsk, MPI_COMM_WORLD);
  }
}

void raw_allreduce(std::span<float> vector) {
  MPI_Allreduce(MPI_IN_PLACE, vector.data(), static_cast<int>(vector.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
void raw_allreduce(std::span<const float> from, std::span<float> to) {
  MPI_Allreduce(from.data(), to.data(), static_cast<int>(from.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
void raw_iallreduce(std::span<float> vector) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(MPI_IN_PLACE, vector.data(), static_cast<int>(vector.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
}
void raw_iallreduce(std::span<const float> from, std::span<float> to) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(from.data(), to.data(), static_cast<int>(from.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
}

}  // namespace sounder::bench
