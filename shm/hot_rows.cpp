#include "hot_rows.hpp"

#include <algorithm>
#include <cmath>

#include <sounder/params/touches.hpp>

namespace sounder::shm {
namespace {

/// The largest z with updates * 2^z <= updates / frequency, within the longest period.
int doublings_of(double frequency, const HotRowsOptions& options) {
  const int most = static_cast<int>(std::log2(options.longest_period / options.updates));
  if (frequency <= 0) return most;
  return std::clamp(static_cast<int>(std::log2(1 / frequency)), 0, most);
}

/// More workers move a row more often between two merges of one of them: shorten the period.
int default_updates(int workers) { return std::clamp(64 / workers, 2, 16); }

}  // namespace

HotRowsOptions hot_rows_options(const Options& options, int workers) {
  HotRowsOptions hot;
  hot.updates = static_cast<int>(std::bit_floor(static_cast<unsigned>(options.flush.value_or(default_updates(workers)))));
  if (options.hot_rows) hot.most_rows = *options.hot_rows;
  return hot;
}

HotRows::HotRows(const Kernel& kernel, const Dataset& data, const HotRowsOptions& options) : piece(options.updates) {
  const auto frequencies = touch_frequencies(kernel, data);
  for (std::size_t t = 0; t < kernel.layout.tables(); ++t) {
    const auto& shares = frequencies[t];
    const std::size_t stride = kernel.layout.stride(t), rows = shares.size();

    std::vector<Block> head;
    std::size_t hot = 0;  // blocks up to the last hot one
    const std::size_t limit = std::min(rows, options.most_rows) * stride;
    const std::size_t reach = std::min(rows * stride, (limit + kPageFloats - 1) / kPageFloats * kPageFloats);
    for (std::size_t at = 0; at < reach; at += kBlockFloats) {
      double touches = 0, hottest = 0;
      for (std::size_t row = at / stride; row < rows && row * stride < at + kBlockFloats; ++row) {
        touches += shares[row];
        hottest = std::max(hottest, shares[row]);
      }
      head.push_back({kernel.layout.offset(t) + at, doublings_of(hottest, options)});
      if (at < limit && touches >= options.least_touches) hot = head.size();
    }
    const std::size_t floats = (hot * kBlockFloats + kPageFloats - 1) / kPageFloats * kPageFloats;
    head_floats.push_back(floats);
    for (std::size_t at = 0; at < floats; at += kBlockFloats)  // the last page may reach behind the hot rows
      blocks.push_back(at / kBlockFloats < head.size() ? head[at / kBlockFloats]
                                                       : Block{kernel.layout.offset(t) + at, doublings_of(0, options)});
  }
  const bool any_hot = std::any_of(head_floats.begin(), head_floats.end(), [&](const std::size_t& floats) {
    return floats > 0 && &floats - head_floats.data() != kernel.intercept_table;
  });
  if (!any_hot) {  // a thinned intercept alone is not worth a window
    blocks.clear();
    std::fill(head_floats.begin(), head_floats.end(), 0);
  }
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.doublings < b.doublings; });
  const int most = blocks.empty() ? 0 : blocks.back().doublings;
  for (int z = 0; z <= most; ++z)
    due.push_back(static_cast<std::size_t>(std::count_if(blocks.begin(), blocks.end(), [&](const Block& b) { return b.doublings <= z; })));
}

}  // namespace sounder::shm
