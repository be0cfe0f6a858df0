#include "modes/agreed_topology.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <xxhash.h>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

Topology own(const Setting& setting, const std::string& text) {
  return Topology::make(text, setting.workers, setting.options.seed, setting.mpi.allow_disconnected);
}

}  // namespace

Topology agreed_topology(const Setting& setting, TopologyName standard) {
  const std::string& given = setting.mpi.topology;
  const std::string text = given.empty() ? std::string(name_of(kTopologies, standard)) : given;
  if (setting.endpoint.transport().turns()) return *one_for_all<Topology>(setting.endpoint, [&] { return own(setting, text); });
  std::optional<Topology> topology;
  std::string fault;
  std::vector<int> lists;
  try {
    topology = own(setting, text);
    for (std::uint64_t round = 0; round < topology->period(); ++round)
      for (int rank = 0; rank < topology->ranks(); ++rank) {
        const auto sources = topology->sources(rank, round);
        lists.push_back(static_cast<int>(sources.size()));
        lists.insert(lists.end(), sources.begin(), sources.end());
      }
  } catch (const Error& error) {
    fault = error.what();
  }
  std::vector<char> mine(fault.begin(), fault.end());
  const std::uint64_t digest = XXH64(lists.data(), lists.size() * sizeof(int), 0);
  const char* const bytes = reinterpret_cast<const char*>(&digest);
  if (topology) mine.assign(bytes, bytes + sizeof digest);
  mine.push_back(topology ? 1 : 0);

  const std::vector<Payload> all = all_gather(setting.endpoint, Payload::of(std::move(mine)));
  for (const Payload& theirs : all) {
    const auto text = theirs.as<char>();
    if (text.back() == 0) throw Error(std::string(text.begin(), text.end() - 1));
  }
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (!std::equal(all[rank].bytes().begin(), all[rank].bytes().end(), all[0].bytes().begin(), all[0].bytes().end()))
      throw Error(fmt::format("--topology {} is another graph on rank {} than on rank 0: give all ranks the same", text, rank));
  return *topology;
}

}  // namespace sounder::mpi
