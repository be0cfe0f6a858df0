// A window of the MPI library, allocated by it and open to all ranks for as long as it lives.
#pragma once

#include <vector>

#include "transport/mpi/requests.hpp"
#include "transport/window.hpp"

namespace sounder::mpi {

class LibraryWindow final : public Window {
 public:
  /// By all ranks of the communicator at once. Throws Error, on all of them, where the library cannot.
  LibraryWindow(MPI_Comm communicator, std::span<const float> own, std::size_t counts);
  ~LibraryWindow() override;

  void read(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<std::vector<float>> out) override;
  void add(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<const std::vector<float>> values) override;
  void count(int rank, std::vector<std::uint64_t> by, std::shared_ptr<std::vector<std::uint64_t>> before) override;
  bool done() override;
  std::vector<int> awaited() const override;
  void close() override;

 private:
  struct Kept {
    int rank;
    std::shared_ptr<const void> buffers;
  };
  template <class T, class Given>
  void fetch_and_add(int rank, Given given, std::shared_ptr<std::vector<T>> before, MPI_Datatype element, int places, MPI_Datatype place);
  void keep(MPI_Request request, int rank, std::shared_ptr<const void> buffers);

  const std::size_t head_;  ///< bytes of the counts, which come first
  MPI_Win window_ = MPI_WIN_NULL;
  Requests<Kept> requests_;
  std::vector<int> open_;  ///< requests, by rank
};

}  // namespace sounder::mpi
