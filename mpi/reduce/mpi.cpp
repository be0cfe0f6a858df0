// Reducer `mpi`: the MPI library adds up, by whatever algorithm it finds best.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "reduce/reducer.hpp"
#include "transport/mpi.hpp"

namespace sounder::mpi {

#if SOUNDER_HAS_MPI
namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;  ///< floats of a call: the library counts with int

/// All that the library may touch while a reduction is under way.
struct Reduction {
  std::vector<float> given, sum;  // apart: with one buffer for both, Open MPI sends the whole vector up and down a tree
  std::vector<MPI_Request> requests;
};

/// Keeps what the library may write to after a rank was lost, for as long as the process lives.
void abandon(std::shared_ptr<Reduction> reduction) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::shared_ptr<Reduction>>;  // never destroyed
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(reduction));
}

/// Ranks get the same bytes since each sum is computed once and copied, or computed from the same numbers by an exchange of sides:
/// MPI recommends this to libraries, and Open MPI and MPICH do it.
class Library final : public Reducer {
 public:
  Library(Endpoint& endpoint, MpiTransport& transport) : endpoint_(endpoint), transport_(transport), reduction_(std::make_shared<Reduction>()) {}

  void sum(std::span<float> vector) override {
    Reduction& reduction = *reduction_;
    reduction.given.assign(vector.begin(), vector.end());
    reduction.sum.resize(vector.size());
    reduction.requests.clear();
    try {
      endpoint_.poll([&] { return step(reduction); }, {.what = "MPI_Iallreduce", .clock = 0, .on = {}});
    } catch (...) {
      abandon(std::exchange(reduction_, std::make_shared<Reduction>()));
      throw;
    }
    std::ranges::copy(reduction.sum, vector.begin());
  }

 private:
  /// On the communication thread: begins all at first, then tests.
  bool step(Reduction& reduction) {
    if (reduction.requests.empty())
      for (std::size_t i = 0; i < reduction.given.size(); i += kMost)
        check(MPI_Iallreduce(reduction.given.data() + i, reduction.sum.data() + i, static_cast<int>(std::min(kMost, reduction.given.size() - i)),
                             MPI_FLOAT, MPI_SUM, transport_.communicator(), &reduction.requests.emplace_back()));
    int done = 0;
    check(MPI_Testall(static_cast<int>(reduction.requests.size()), reduction.requests.data(), &done, MPI_STATUSES_IGNORE));
    return done != 0;
  }
  static void check(int status) {
    if (status != MPI_SUCCESS) throw Error(fmt::format("MPI_Iallreduce failed with status {}: give --reducer ring", status));
  }

  Endpoint& endpoint_;
  MpiTransport& transport_;
  std::shared_ptr<Reduction> reduction_;
};

}  // namespace

std::unique_ptr<Reducer> make_mpi_reducer(Endpoint& endpoint) {
  if (auto* const transport = dynamic_cast<MpiTransport*>(&endpoint.transport())) return std::make_unique<Library>(endpoint, *transport);
  throw Error(fmt::format("--reducer mpi needs ranks that are processes of an MPI job, and these are {}: give --reducer ring or --transport mpi",
                          endpoint.transport_name()));
}

#else

std::unique_ptr<Reducer> make_mpi_reducer(Endpoint&) {
  throw Error("--reducer mpi needs an MPI library, and this build has none: give --reducer ring");
}

#endif

}  // namespace sounder::mpi
