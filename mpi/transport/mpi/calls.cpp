#if SOUNDER_HAS_MPI

#include "transport/mpi/calls.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "transport/mpi.hpp"

namespace sounder::mpi {
namespace {

// Written by: communication threads, and those that make and end transports. Read by: tests. Relaxed: a count.
std::atomic<int> handles{0};

}  // namespace

int open_mpi_handles() { return handles.load(std::memory_order_relaxed); }

void count_handles(int change) { handles.fetch_add(change, std::memory_order_relaxed); }

void check_mpi(int status, const char* what) {
  if (status == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(status, text.data(), &length);
  throw Error(fmt::format("MPI failed to {}: {}", what, text.data()));
}

namespace {

void finish(MPI_Request request, const char* what) {
  for (int done = 0; !done;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
    if (!done) std::this_thread::yield();  // the library does not, see make_mpi_transport
  }
}

}  // namespace

MPI_Comm duplicate(MPI_Comm communicator) {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Comm_idup(communicator, &copy, &request), "duplicate a communicator");
  finish(request, "duplicate a communicator");
  count_handles(1);
  MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
  return copy;
}

void release(MPI_Comm& communicator) {
  MPI_Comm_free(&communicator);
  count_handles(-1);
}

int rank_in(MPI_Comm communicator) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "ask for the rank");
  return rank;
}

int ranks_in(MPI_Comm communicator) {
  int ranks = 1;
  check_mpi(MPI_Comm_size(communicator, &ranks), "ask for the number of ranks");
  return ranks;
}

void all_gather(MPI_Comm communicator, std::span<const std::byte> own, std::span<std::byte> all) {
  MPI_Request request = MPI_REQUEST_NULL;
  const auto bytes = static_cast<int>(own.size());
  check_mpi(MPI_Iallgather(own.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, communicator, &request),
            "tell all ranks");
  finish(request, "tell all ranks");
}

void all_to_all(MPI_Comm communicator, std::span<const char> to, std::span<char> from) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ialltoall(to.data(), 1, MPI_CHAR, from.data(), 1, MPI_CHAR, communicator, &request), "tell each rank");
  finish(request, "tell each rank");
}

std::vector<bool> on_other_machines(MPI_Comm communicator) {
  using Name = std::array<char, MPI_MAX_PROCESSOR_NAME>;
  Name own{};
  int length = 0;
  check_mpi(MPI_Get_processor_name(own.data(), &length), "name the machine");
  std::vector<Name> names(static_cast<std::size_t>(ranks_in(communicator)));
  all_gather(communicator, std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(names)));
  std::vector<bool> far;
  for (const Name& name : names) far.push_back(name != own);
  return far;
}

bool have_a_core_each(MPI_Comm communicator) {
  struct Place {
    std::array<char, 64> kernel{};
    cpu_set_t cores{};
  };
  Place own;
  std::ifstream("/proc/sys/kernel/random/boot_id").read(own.kernel.data(), own.kernel.size());
  sched_getaffinity(0, sizeof own.cores, &own.cores);  // of more cores than fit, none
  std::vector<Place> places(static_cast<std::size_t>(ranks_in(communicator)));
  all_gather(communicator, std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(places)));
  int ranks = 0;
  cpu_set_t together{};
  for (const Place& place : places)
    if (place.kernel == own.kernel) {
      ++ranks;
      CPU_OR(&together, &together, &place.cores);
    }
  return ranks <= CPU_COUNT(&together);
}

std::string library_name() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  std::string name = text.data();
  name.resize(std::min(name.find_first_of(",\n"), name.size()));
  const std::size_t version = name.find(" v");
  if (version != std::string::npos) name.erase(version + 1, 1);
  return name;
}

}  // namespace sounder::mpi

#endif
