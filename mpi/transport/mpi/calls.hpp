// Calls of the MPI library: a status other than success becomes an Error, and what is open is counted.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <mpi.h>

namespace sounder::mpi {

/// Throws Error where a call did not succeed: "MPI failed to `what`: ...".
void check_mpi(int status, const char* what);

/// So many requests and communicators more, or less, are open: what open_mpi_handles() tells.
void count_handles(int change);

/// Of all ranks of the communicator at once. Counted; errors in it are returned, not fatal.
MPI_Comm duplicate(MPI_Comm communicator);
/// Frees what duplicate() made.
void release(MPI_Comm& communicator);
int rank_in(MPI_Comm communicator);
int ranks_in(MPI_Comm communicator);
/// One rank's bytes after the other's; all give as many. Of all ranks at once.
void all_gather(MPI_Comm communicator, std::span<const std::byte> own, std::span<std::byte> all);
/// What each rank says to each: `to` and `from` by rank. Of all ranks at once.
void all_to_all(MPI_Comm communicator, std::span<const char> to, std::span<char> from);
/// Of each rank, whether its machine is another one than this rank's. Of all ranks at once.
std::vector<bool> on_other_machines(MPI_Comm communicator);
/// Whether the ranks that one kernel runs have a core each, of those that they may use all together; containers count as what they run on. Of all ranks at once.
bool have_a_core_each(MPI_Comm communicator);

/// "Open MPI 4.1.4" of what the library says of itself at length.
std::string library_name();

}  // namespace sounder::mpi
