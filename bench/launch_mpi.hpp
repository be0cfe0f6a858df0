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

/// Says the sentence as "bench_mpi: SENTENCE" and ends the process with status 2. All ranks may have the same to say: the `speaker`
/// does so at once, the others only if they still live a while later. The launcher ends them when the speaker has ended.
[[noreturn]] void give_up(int rank, const std::string& sentence, int speaker = 0);

}  // namespace sounder::bench
