#include <sounder/train/recording.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <xxhash.h>
#include <nlohmann/json.hpp>

#include <sounder/error.hpp>

#include "params/atomic_file.hpp"

namespace sounder {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic = "SOUNDER-RECORDING 1\n";

Json header_of(const Recording& recording) {
  Json rounds = Json::array();
  for (const Recording::Round& round : recording.rounds) {
    Json workers = Json::array();
    for (const std::vector<Range>& ranges : round.ranges) {
      Json& worker = workers.emplace_back(Json::array());
      for (const Range& range : ranges) worker.push_back({range.begin, range.end});
    }
    rounds.push_back({{"operations", round.order.size()}, {"ranges", std::move(workers)}});
  }
  return {{"facts", recording.facts}, {"digest", recording.digest}, {"rounds", std::move(rounds)}};
}

/// Throws std::exception on what header_of does not write.
Recording parse(std::string_view content) {
  const std::size_t line = content.find('\n');
  if (line == std::string_view::npos) throw std::out_of_range("header");
  const Json header = Json::parse(content.substr(0, line));
  content.remove_prefix(line + 1);
  Recording recording;
  recording.facts = header.at("facts").get<std::map<std::string, std::string>>();
  recording.digest = header.at("digest").get<std::string>();
  for (const Json& round : header.at("rounds")) {
    Recording::Round& to = recording.rounds.emplace_back();
    for (const Json& worker : round.at("ranges")) {
      std::vector<Range>& ranges = to.ranges.emplace_back();
      for (const Json& range : worker)
        ranges.push_back({range.at(0).get<std::size_t>(), range.at(1).get<std::size_t>()});
    }
    const auto operations = round.at("operations").get<std::size_t>();
    if (operations > content.size()) throw std::out_of_range("order");
    to.order.assign(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(operations));
    content.remove_prefix(operations);
  }
  if (!content.empty()) throw std::out_of_range("tail");
  return recording;
}

}  // namespace

std::size_t Recording::operations() const {
  std::size_t sum = 0;
  for (const Round& round : rounds) sum += round.order.size();
  return sum;
}

std::size_t operations_of_epoch(const Kernel& kernel, const Dataset& data) {
  if (!kernel.count)
    throw Error(fmt::format("model {} cannot be recorded: give it a touches(example, f)", kernel.name));
  std::vector<std::vector<std::uint32_t>> counts;
  std::vector<std::uint32_t*> pointers;
  for (std::size_t table = 0; table < kernel.layout.tables(); ++table)
    pointers.push_back(counts.emplace_back(kernel.layout.shape(table).rows).data());
  kernel.count(kernel.model.get(), data.examples(), 0, data.size(), pointers.data());
  constexpr std::size_t kStrip = sizeof(ThreadLanes::F) / sizeof(float);
  std::size_t operations = 0;
  for (std::size_t table = 0; table < counts.size(); ++table) {
    const auto strips = std::max<std::size_t>(1, static_cast<std::size_t>(kernel.layout.shape(table).width) / kStrip);
    for (const std::size_t count : counts[table]) operations += 3 * strips * count;
  }
  return operations;
}

void save(const Recording& recording, const std::string& path) {
  std::string out(kMagic);
  out += header_of(recording).dump() + "\n";
  for (const Recording::Round& round : recording.rounds) out.append(round.order.begin(), round.order.end());
  const std::uint64_t sum = XXH64(out.data(), out.size(), 0);
  out.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  write_atomically(path, out);
}

Recording load_recording(const std::string& path) {
  if (std::filesystem::is_directory(path))
    throw Error(fmt::format("the recording {} is a directory: give a file that --record wrote", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot open the recording {}: {}", path, std::strerror(errno)));
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string_view all = content;
  if (!all.starts_with(kMagic))
    throw Error(fmt::format("{} is not a recording: give a file that --record wrote", path));
  try {
    std::uint64_t sum;
    const std::string_view body = all.substr(0, std::max(all.size(), kMagic.size() + sizeof sum) - sizeof sum);
    if (all.size() != body.size() + sizeof sum) throw std::out_of_range("short");
    std::memcpy(&sum, all.data() + body.size(), sizeof sum);
    if (sum != XXH64(body.data(), body.size(), 0)) throw std::out_of_range("checksum");
    return parse(body.substr(kMagic.size()));
  } catch (const std::exception&) {
    throw Error(
        fmt::format("the recording {} is cut short or altered (its checksum does not match): record it again", path));
  }
}

}  // namespace sounder
