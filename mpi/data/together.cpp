#include "data/together.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "collectives.hpp"

namespace sounder::mpi {

void agree(World& world, const std::string& error) {
  const std::string host = world.host();
  std::vector<char> mine(error.begin(), error.end());
  if (!error.empty()) {  // the host behind it, after a byte that no message holds
    mine.push_back('\0');
    mine.insert(mine.end(), host.begin(), host.end());
  }
  const std::vector<Payload> all = all_gather(world.endpoint(), Payload::of(std::move(mine)));
  int failed = 0, first = -1;
  std::string_view what, where;
  bool alike = true;
  for (int rank = 0; rank < world.size(); ++rank) {
    const auto bytes = all[static_cast<std::size_t>(rank)].as<char>();
    if (bytes.empty()) continue;
    const std::string_view text(bytes.data(), bytes.size());
    const std::string_view message = text.substr(0, text.find('\0'));
    if (failed++ == 0) {
      first = rank;
      what = message;
      where = text.substr(message.size() + 1);
    }
    alike = alike && message == what;
  }
  if (failed == 0) return;
  if (alike && failed == world.size()) throw Error(std::string(what));
  throw Error(fmt::format("{} (on rank {}, host {})", what, first, where));
}

}  // namespace sounder::mpi
