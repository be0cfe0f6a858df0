// What a worker's side of the key-value store is set up with.
#pragma once

#include <cstdint>

#include <sounder/mpi/kv_store.hpp>

#include "protocol/history.hpp"

namespace sounder::mpi {

struct KvClientOptions {
  int self = 0;          ///< rank; a worker if less than `workers`
  int workers = 1;
  int first_server = 0;  ///< rank of shard 0
  std::uint64_t staleness = kUnbounded;  ///< at first
  bool overlay_own = false;
  bool audit = false;
  History* history = nullptr;  ///< records, if given
};

}  // namespace sounder::mpi
