// What a worker knows of one server: what it has sent there, and what it has been shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/own_pushes.hpp"
#include "protocol/row_cache.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

struct KvLink {
  int rank = 0;
  std::vector<Run> everything{};     ///< that lies there
  std::uint64_t sequence = 0;        ///< the last push
  std::uint64_t canary_clocks = 0;   ///< clocks up to this one have sent their canary update
  std::uint64_t version = 0;         ///< updates of others in what was read last
  OwnPushes own{};                   ///< that were not read back yet
  std::unique_ptr<RowCache> cache{}; ///< of what it was subscribed to
};

inline std::vector<KvLink> links_to_servers(const ShardMap& map, int first_server) {
  std::vector<KvLink> links(static_cast<std::size_t>(map.servers()));
  for (int server = 0; server < map.servers(); ++server) {
    links[static_cast<std::size_t>(server)].rank = first_server + server;
    links[static_cast<std::size_t>(server)].everything = map.everything(server);
  }
  return links;
}

}  // namespace sounder::mpi
