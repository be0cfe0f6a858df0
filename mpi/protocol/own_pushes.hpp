// A worker's own pushes that servers have not shown it yet, to be added on top of what it reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/shard_map.hpp"

namespace sounder::mpi {

/// A run of local rows within an answer: its floats begin at `at` of the reader's memory.
struct AnswerPiece {
  Run run;
  std::size_t at;
};

class OwnPushes {
 public:
  /// `values`: rows in the order of the runs, in the payload.
  void add(std::uint64_t sequence, std::vector<Run> runs, std::span<const float> values, Payload payload) {
    pushes_.push_back({sequence, std::move(runs), values, std::move(payload)});
  }
  /// Those up to `sequence` are in what is read from now on.
  void drop(std::uint64_t sequence) {
    while (!pushes_.empty() && pushes_.front().sequence <= sequence) pushes_.pop_front();
  }
  bool empty() const { return pushes_.empty(); }

  /// Adds what is left to the rows of an answer.
  void add_to(std::span<float> out, std::vector<AnswerPiece> pieces, const std::vector<KvTable>& tables) const {
    const auto key = [](const Run& run) { return std::pair(run.table, run.first); };
    std::sort(pieces.begin(), pieces.end(), [&](const AnswerPiece& a, const AnswerPiece& b) { return key(a.run) < key(b.run); });
    std::uint64_t longest = 0;
    for (const AnswerPiece& piece : pieces) longest = std::max<std::uint64_t>(longest, piece.run.count);
    for (const Push& push : pushes_) {
      const float* values = push.values.data();
      for (const Run& run : push.runs) {
        const auto width = static_cast<std::size_t>(tables[run.table].width);
        const std::uint64_t end = run.first + run.count, reach = run.first - std::min(run.first, longest);
        auto piece = std::lower_bound(pieces.begin(), pieces.end(), std::pair(run.table, reach),
                                      [&](const AnswerPiece& a, const auto& k) { return key(a.run) < k; });
        for (; piece != pieces.end() && piece->run.table == run.table && piece->run.first < end; ++piece) {
          const std::uint64_t first = std::max(run.first, piece->run.first), stop = std::min(end, piece->run.first + piece->run.count);
          if (first >= stop) continue;
          float* const to = out.data() + piece->at + static_cast<std::size_t>(first - piece->run.first) * width;
          const float* const from = values + static_cast<std::size_t>(first - run.first) * width;
          for (std::size_t i = 0; i < static_cast<std::size_t>(stop - first) * width; ++i) to[i] += from[i];
        }
        values += run.count * width;
      }
    }
  }

 private:
  struct Push {
    std::uint64_t sequence;
    std::vector<Run> runs;
    std::span<const float> values;
    Payload payload;
  };
  std::deque<Push> pushes_;
};

}  // namespace sounder::mpi
