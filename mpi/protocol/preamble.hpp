// What a server says of a state that it sends, in front of the rows: the witness, and its canary if asked for. A reader checks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/canary.hpp"
#include "protocol/frame.hpp"
#include "protocol/message.hpp"
#include "protocol/witness.hpp"

namespace sounder::mpi {

/// On the server's side.
class Preamble {
 public:
  Preamble(const Witness& witness, const Canary* canary, std::uint64_t first_lane)
      : witness_(witness), canary_(canary), first_lane_(first_lane) {}
  std::size_t bytes() const {
    const auto workers = static_cast<std::size_t>(witness_.workers());
    std::size_t bytes = workers * sizeof(std::uint64_t);
    if (!canary_) return bytes;
    for (int worker = 0; worker < witness_.workers(); ++worker) bytes += canary_->lanes(worker, first_lane_).size_bytes();
    return bytes + workers * sizeof(std::uint64_t);
  }
  void write(Writer& writer) const {
    const std::span<std::uint64_t> clocks = writer.give<std::uint64_t>(static_cast<std::size_t>(witness_.workers()));
    for (int worker = 0; worker < witness_.workers(); ++worker) clocks[static_cast<std::size_t>(worker)] = witness_[worker].clocks;
    if (!canary_) return;
    for (int worker = 0; worker < witness_.workers(); ++worker) {
      const std::span<const double> lanes = canary_->lanes(worker, first_lane_);
      writer.give<std::uint64_t>(1)[0] = lanes.size();
      writer.put(lanes);
    }
  }

 private:
  const Witness& witness_;
  const Canary* canary_;
  std::uint64_t first_lane_;
};

/// The same on the reader's side, with what the header says. Points into the frame.
struct ToldState {
  std::uint64_t clocks = 0;      ///< that the state holds
  std::uint64_t sequence = 0;    ///< the reader's last push that it holds
  std::uint64_t version = 0;     ///< updates of others that it holds
  std::uint64_t first_lane = 0;  ///< of the canary
  std::span<const std::uint64_t> witness{};
  std::vector<std::span<const double>> canary{};

  /// Takes it from the front of a payload.
  static ToldState read(const Header& header, Reader& reader, int workers) {
    ToldState state{.clocks = header.clock, .sequence = header.sequence, .version = header.more, .first_lane = header.examples};
    state.witness = reader.take<std::uint64_t>(static_cast<std::size_t>(workers));
    if (has(header, kCanary))
      for (int worker = 0; worker < workers; ++worker)
        state.canary.push_back(reader.take<double>(static_cast<std::size_t>(reader.take<std::uint64_t>(1)[0])));
    return state;
  }
};

}  // namespace sounder::mpi
