#if SOUNDER_HAS_MPI

#include "transport/mpi/library_window.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

constexpr std::size_t kCount = sizeof(std::uint64_t);

/// The floats of pieces, seen from the begin of a window.
class Places {
 public:
  Places(std::size_t head, std::span<const WindowPiece> pieces) {
    std::vector<MPI_Aint> at;
    std::vector<int> floats;
    for (const WindowPiece& piece : pieces) {
      at.push_back(static_cast<MPI_Aint>(head + piece.first * sizeof(float)));
      floats.push_back(static_cast<int>(piece.count));
    }
    check_mpi(MPI_Type_create_hindexed(static_cast<int>(at.size()), floats.data(), at.data(), MPI_FLOAT, &type_), "describe places of a window");
    check_mpi(MPI_Type_commit(&type_), "describe places of a window");
  }
  ~Places() { MPI_Type_free(&type_); }  // what is under way keeps it
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  MPI_Datatype type() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

[[noreturn]] void refuse(int status) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(status, text.data(), &length);
  throw Error(fmt::format("{} gives no memory to one-sided communication here ({}): use ranks of one machine, whose /dev/shm has room for the parameters, "
                          "or give --mode async, which needs none",
                          library_name(), text.data()));
}

}  // namespace

LibraryWindow::LibraryWindow(MPI_Comm communicator, std::span<const float> own, std::size_t counts)
    : head_(counts * kCount), open_(static_cast<std::size_t>(ranks_in(communicator))) {
  std::byte* memory = nullptr;
  const int status = MPI_Win_allocate(static_cast<MPI_Aint>(head_ + own.size_bytes()), 1, MPI_INFO_NULL, communicator, &memory, &window_);
  if (status != MPI_SUCCESS) refuse(status);
  count_handles(1);
  MPI_Win_set_errhandler(window_, MPI_ERRORS_RETURN);
  check_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, window_), "open a window");
  std::fill_n(memory, head_, std::byte{0});
  std::ranges::copy(own, reinterpret_cast<float*>(memory + head_));
  check_mpi(MPI_Win_sync(window_), "open a window");
}

LibraryWindow::~LibraryWindow() {
  if (window_ != MPI_WIN_NULL) requests_.abandon();
}

/// A plain get beside adds of others would be undefined (MPI 3.1, 11.7).
void LibraryWindow::read(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<std::vector<float>> out) {
  const Places places(head_, pieces);
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Rget_accumulate(nullptr, 0, MPI_FLOAT, out->data(), static_cast<int>(out->size()), MPI_FLOAT, rank, 0, 1, places.type(), MPI_NO_OP, window_, &request),
            "read a window");
  keep(request, rank, std::move(out));
}

/// Brings back what was there: then it is done. A plain accumulate only tells when its values may be forgotten, a flush blocks, and the order of
/// accumulates that the standard promises is not kept by Open MPI's osc/pt2pt.
template <class T, class Given>
void LibraryWindow::fetch_and_add(int rank, Given given, std::shared_ptr<std::vector<T>> before, MPI_Datatype element, int places, MPI_Datatype place) {
  MPI_Request request = MPI_REQUEST_NULL;
  const auto size = static_cast<int>(before->size());
  check_mpi(MPI_Rget_accumulate(given->data(), size, element, before->data(), size, element, rank, 0, places, place, MPI_SUM, window_, &request),
            "add to a window");
  keep(request, rank, std::make_shared<std::pair<Given, std::shared_ptr<std::vector<T>>>>(std::move(given), std::move(before)));
}

void LibraryWindow::add(int rank, std::span<const WindowPiece> pieces, std::shared_ptr<const std::vector<float>> values) {
  const Places places(head_, pieces);
  auto before = std::make_shared<std::vector<float>>(values->size());
  fetch_and_add(rank, std::move(values), std::move(before), MPI_FLOAT, 1, places.type());
}

void LibraryWindow::count(int rank, std::vector<std::uint64_t> by, std::shared_ptr<std::vector<std::uint64_t>> before) {
  const auto size = static_cast<int>(by.size());
  fetch_and_add(rank, std::make_shared<const std::vector<std::uint64_t>>(std::move(by)), std::move(before), MPI_UINT64_T, size, MPI_UINT64_T);
}

void LibraryWindow::keep(MPI_Request request, int rank, std::shared_ptr<const void> buffers) {
  ++open_[static_cast<std::size_t>(rank)];
  requests_.add(request, {rank, std::move(buffers)});
}

bool LibraryWindow::done() {
  requests_.test([this](const Kept& kept) { --open_[static_cast<std::size_t>(kept.rank)]; });
  return requests_.empty();
}

std::vector<int> LibraryWindow::awaited() const {
  std::vector<int> ranks;
  for (std::size_t rank = 0; rank < open_.size(); ++rank)
    if (open_[rank] > 0) ranks.push_back(static_cast<int>(rank));
  return ranks;
}

void LibraryWindow::close() {
  check_mpi(MPI_Win_unlock_all(window_), "close a window");
  check_mpi(MPI_Win_free(&window_), "close a window");
  count_handles(-1);
}

}  // namespace sounder::mpi

#endif
