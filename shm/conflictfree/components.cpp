// Way `components`: the conflict graph of a batch falls apart; its components share no row (Cyclades, NIPS 2016).
#include <algorithm>
#include <atomic>
#include <numeric>

#include <fmt/format.h>

#include "conflictfree/reordered.hpp"
#include "conflictfree/way.hpp"

namespace sounder::shm {
namespace {

constexpr std::size_t kBins = 16;                                    ///< parts of a batch
constexpr std::size_t kSizes[] = {8192, 4096, 2048, 1024, 512, 256}; ///< of batches, tried in this order
constexpr std::size_t kTried = 8;                                    ///< batches of each size

/// Finds the components of batches. Keeps a number for each row, so that a batch costs what it touches.
class Components {
 public:
  explicit Components(const Setting& setting) : setting_(setting) {
    for (std::size_t t = 0; t < setting.kernel.layout.tables(); ++t) owner_.emplace_back(setting.kernel.layout.shape(t).rows, kNobody);
  }

  /// The component of each example of a batch, named by its first example, counted from the batch's begin.
  const std::vector<std::uint32_t>& operator()(const Range& batch) {
    parent_.resize(batch.size());
    std::iota(parent_.begin(), parent_.end(), 0u);
    seen_.clear();
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
      rows_.clear();
      setting_.kernel.list(setting_.kernel.model.get(), setting_.data.examples(), batch.begin + i, batch.begin + i + 1, rows_);
      for (const RowId row : rows_) {
        std::uint32_t& owner = owner_[row.table][row.row];
        if (owner == kNobody) {
          owner = i;
          seen_.push_back(row);
        } else {
          unite(owner, i);
        }
      }
    }
    for (const RowId row : seen_) owner_[row.table][row.row] = kNobody;
    for (std::uint32_t i = 0; i < batch.size(); ++i) parent_[i] = root(i);
    return parent_;
  }

 private:
  static constexpr std::uint32_t kNobody = 0xffffffff;

  std::uint32_t root(std::uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void unite(std::uint32_t a, std::uint32_t b) {
    a = root(a), b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

  Setting setting_;
  std::vector<std::vector<std::uint32_t>> owner_;  ///< [table][row]: the first example of the batch that touches it
  std::vector<std::uint32_t> parent_;
  std::vector<RowId> rows_, seen_;
};

std::size_t largest_of(const std::vector<std::uint32_t>& components) {
  std::vector<std::uint32_t> sizes(components.size());
  for (const std::uint32_t component : components) ++sizes[component];
  return sizes.empty() ? 0 : *std::ranges::max_element(sizes);
}

/// The largest size at which no component of a sample holds half of its batch.
std::optional<std::size_t> batch_size(const Setting& setting) {
  Components components(setting);
  const auto falls_apart = [&](std::size_t size) {
    const std::vector<Range> batches = cut_into_batches(setting.data, size);
    const std::size_t step = std::max<std::size_t>(1, batches.size() / kTried);
    for (std::size_t i = 0; i < batches.size(); i += step)
      if (2 * largest_of(components(batches[i])) >= batches[i].size() && batches[i].size() >= kBins) return false;
    return batches.front().size() >= kBins;
  };
  if (setting.options.batch) return falls_apart(*setting.options.batch) ? setting.options.batch : std::nullopt;
  for (const std::size_t size : kSizes)
    if (falls_apart(size)) return size;
  return std::nullopt;
}

class ByComponents final : public Way {
 public:
  ByComponents(const Setting& setting, std::size_t size)
      : Way(setting), batches_(cut_into_batches(setting.data, size)), intercepts_(setting, kBins) {
    Components components(setting);
    std::vector<std::uint32_t> order;
    for (const Range& batch : batches_) pack(batch, components(batch), order);
    bins_.push_back(order.size());
    sorted_ = Reordered(setting.data.examples(), order);
  }

 protected:
  std::size_t items() const override { return batches_.size(); }
  std::size_t first_of(std::size_t batch) const override { return batches_[batch].begin; }
  std::size_t size_of(std::size_t batch) const override { return batches_[batch].size(); }

  void between(const Round&) override {
    next_.store(0, std::memory_order_relaxed);
    intercepts_.merge();
  }
  void run(std::size_t batch, int worker, const Round& round) override {
    StepContext context = context_of(setting_, round, worker);
    const StepFunction step = setting_.kernel.step_of(AccessKind::relaxed);
    for (std::size_t bin; (bin = next_.fetch_add(1, std::memory_order_relaxed)) < kBins;) {
      const std::size_t begin = bins_[batch * kBins + bin], end = bins_[batch * kBins + bin + 1];
      if (begin == end) continue;
      context.cells = intercepts_.open(bin);
      step(setting_.kernel.model.get(), context, sorted_.examples(), begin, end);
    }
  }
  std::string name() const override {
    return fmt::format("conflict components of {} examples, the largest of {:.0f} on average", batches_.front().size(),
                       share_.longest / static_cast<double>(batches_.size()));
  }
  Share share() const override { return share_; }

 private:
  /// Puts each component into the emptiest bin, the largest first; a bin is in the order of the batch.
  void pack(const Range& batch, const std::vector<std::uint32_t>& component, std::vector<std::uint32_t>& order) {
    std::vector<std::uint32_t> sizes(component.size()), bin_of(component.size()), roots;
    for (const std::uint32_t root : component) ++sizes[root];
    for (std::uint32_t i = 0; i < component.size(); ++i)
      if (sizes[i] > 0) roots.push_back(i);
    std::ranges::stable_sort(roots, std::greater{}, [&](std::uint32_t root) { return sizes[root]; });
    std::size_t loads[kBins] = {};
    for (const std::uint32_t root : roots) {
      bin_of[root] = static_cast<std::uint32_t>(std::min_element(loads, loads + kBins) - loads);
      loads[bin_of[root]] += sizes[root];
    }
    for (std::uint32_t bin = 0; bin < kBins; ++bin) {
      bins_.push_back(order.size());
      for (std::uint32_t i = 0; i < component.size(); ++i)
        if (bin_of[component[i]] == bin) order.push_back(static_cast<std::uint32_t>(batch.begin) + i);
    }
    share_.all += static_cast<double>(batch.size());
    share_.longest += static_cast<double>(largest_of(component));
  }

  std::vector<Range> batches_;
  InterceptCopies intercepts_;
  Reordered sorted_;               ///< by batch and bin
  std::vector<std::size_t> bins_;  ///< where in it bin b of batch i begins: [i * kBins + b]
  Share share_;
  // Written by: each worker that takes a bin, and the last one to come to the barrier. Read by: workers. Order: relaxed;
  // the barrier orders all else.
  alignas(kCacheLine) std::atomic<std::size_t> next_{0};
};

}  // namespace

std::unique_ptr<Discipline> make_components(const Setting& setting) {
  const std::optional<std::size_t> size = batch_size(setting);
  return size ? std::make_unique<ByComponents>(setting, *size) : nullptr;
}

}  // namespace sounder::shm
