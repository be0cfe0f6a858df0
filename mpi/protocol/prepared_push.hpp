// A push, cut up by server, as it will travel.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "protocol/canary.hpp"
#include "protocol/frame.hpp"
#include "protocol/kv_link.hpp"
#include "protocol/message.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

struct PreparedPush {
  struct Part {
    std::vector<Run> runs{};  ///< local
    Flag flags = 0;
    Payload payload{};
    CanaryUpdate* canary = nullptr;  ///< in the payload, to be filled
  };
  std::vector<Part> parts;  ///< by server

  /// A part without rows, for its canary update alone.
  static Part canary_alone();
};

/// `flags`: kCanary, if a canary update goes along. `keeper`, if given, owns `values`: where one server takes all rows they are sent as
/// they lie. Else they are copied.
PreparedPush prepare_push(const ShardMap& map, std::span<const KvLink> servers, Flag flags, std::span<const Run> runs,
                          std::span<const float> values, std::shared_ptr<const void> keeper);

}  // namespace sounder::mpi
