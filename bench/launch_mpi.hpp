// Which rank of which job this process was started as, from the environment: known before MPI is.
#pragma once

#include <string>

namespace sounder::bench {

struct Launch {
  int rank = 0;
  int size = 1;        ///< 0: started as a rank, but of how many is not known
  int local_size = 0;  ///< ranks on this machine; 0: not known
  bool started = false;  ///< by mpirun or a kin of it
};

Launch launched();

/// For what all ranks find by themselves: says the sentence as "bench_mpi: SENTENCE" and ends the process with status 2. Rank 0
/// speaks at once, the others only if they still live a moment later: the launcher ends them when rank 0 has ended.
[[noreturn]] void give_up(const Launch& launch, const std::string& sentence);

}  // namespace sounder::bench
