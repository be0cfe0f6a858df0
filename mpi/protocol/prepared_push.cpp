#include "protocol/prepared_push.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace sounder::mpi {

PreparedPush::Part PreparedPush::canary_alone() {
  Part part{.flags = kCanary};
  part.payload = Payload::filled(sizeof(CanaryUpdate), [&](std::span<std::byte> bytes) {
    part.canary = Writer(bytes).give<CanaryUpdate>(1).data();
  });
  return part;
}

PreparedPush prepare_push(const ShardMap& map, std::span<const KvLink> servers, Flag flags, std::span<const Run> runs,
                          std::span<const float> values, std::shared_ptr<const void> keeper) {
  PreparedPush prepared;
  prepared.parts.resize(servers.size());
  map.cut(runs, [&](int server, const Run& piece) { append_run(prepared.parts[static_cast<std::size_t>(server)].runs, piece); });

  std::vector<float*> to(servers.size());
  for (std::size_t server = 0; server < servers.size(); ++server) {
    PreparedPush::Part& part = prepared.parts[server];
    if (part.runs.empty()) continue;
    const bool whole = part.runs == servers[server].everything, canary = flags & kCanary;
    part.flags = flags | (whole ? kWhole : 0);
    if (keeper && servers.size() == 1 && part.flags == kWhole) {
      part.payload = Payload(std::as_bytes(values), std::move(keeper));
      return prepared;
    }
    const std::size_t runs_here = whole ? 0 : part.runs.size();
    const std::size_t floats = map.floats(part.runs, &KvTable::push_width);
    part.payload = Payload::filled(
        runs_here * sizeof(Run) + (canary ? sizeof(CanaryUpdate) : 0) + floats * sizeof(float), [&](std::span<std::byte> bytes) {
          Writer writer(bytes);
          writer.put<Run>(std::span(part.runs).first(runs_here));
          if (canary) part.canary = writer.give<CanaryUpdate>(1).data();
          to[server] = writer.give<float>(floats).data();
        });
  }
  const float* from = values.data();
  map.cut(runs, [&](int server, const Run& piece) {
    const std::size_t floats = map.floats({&piece, 1}, &KvTable::push_width);
    float*& here = to[static_cast<std::size_t>(server)];
    here = std::copy_n(from, floats, here);
    from += floats;
  });
  return prepared;
}

}  // namespace sounder::mpi
