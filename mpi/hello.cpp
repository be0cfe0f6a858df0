#include "hello.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

using Json = nlohmann::json;

/// To be raised with every change of what frames mean.
constexpr int kFrames = 2;

std::string said(const std::string& value, const std::vector<int>& ranks) {
  constexpr std::size_t kNamed = 4;
  const std::vector<int> named(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, ranks.size())));
  return fmt::format("{} on rank{} {}{}", value, ranks.size() == 1 ? "" : "s", fmt::join(named, ", "), ranks.size() > kNamed ? ", ..." : "");
}

}  // namespace

void check_same(Endpoint& endpoint, Facts facts) {
  facts["byte order"] = std::endian::native == std::endian::little ? "little-endian" : "big-endian";
  facts["version of the frames"] = std::to_string(kFrames);
  const std::string own = Json(facts).dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::uint64_t digest = XXH64(own.data(), own.size(), 0);  // of many ranks, the texts themselves are many times many
  const std::vector<Payload> digests = all_gather(endpoint, Payload::of(std::vector{digest}));
  if (std::ranges::all_of(digests, [&](const Payload& of_rank) { return of_rank.size() == sizeof digest && of_rank.as<std::uint64_t>()[0] == digest; })) return;
  const std::vector<Payload> texts = all_gather(endpoint, Payload::of(std::vector<char>(own.begin(), own.end())));
  std::vector<Facts> all;
  std::set<std::string> names;
  for (const Payload& payload : texts) {
    const auto text = payload.as<char>();
    all.push_back(Json::parse(std::string_view(text.data(), text.size())).get<Facts>());
    for (const auto& fact : all.back()) names.insert(fact.first);
  }
  for (const std::string& name : names) {
    std::map<std::string, std::vector<int>> ranks;  // by value
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const auto fact = all[rank].find(name);
      ranks[fact == all[rank].end() ? "absent" : fact->second].push_back(static_cast<int>(rank));
    }
    if (ranks.size() == 1) continue;
    std::vector<std::string> values;
    for (const auto& [value, who] : ranks) values.push_back(said(value, who));
    throw Error(fmt::format("{} is not the same on all ranks: {}; start all ranks alike", name, fmt::join(values, ", ")));
  }
}

}  // namespace sounder::mpi
