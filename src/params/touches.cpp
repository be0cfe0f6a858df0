#include <sounder/params/touches.hpp>

#include <algorithm>

#include <sounder/params/view.hpp>

namespace sounder {
namespace {

constexpr std::size_t kSample = 100'000;  ///< examples enough to rank rows that are hot

}  // namespace

std::vector<std::vector<std::uint32_t>> touch_counts(const Kernel& kernel, const Dataset& data, std::size_t begin, std::size_t end) {
  std::vector<std::vector<std::uint32_t>> counts;
  std::vector<std::uint32_t*> pointers;
  for (std::size_t t = 0; t < kernel.layout.tables(); ++t) counts.emplace_back(kernel.layout.shape(t).rows);
  for (auto& table : counts) pointers.push_back(table.data());
  if (kernel.count) kernel.count(kernel.model.get(), data.examples(), begin, end, pointers.data());
  return counts;
}

std::vector<std::vector<double>> touch_frequencies(const Kernel& kernel, const Dataset& data) {
  // The examples are shuffled, so the first ones are as good as any.
  const std::size_t sample = std::min(data.size(), kSample);
  std::vector<std::vector<double>> frequencies;
  for (const auto& table : touch_counts(kernel, data, 0, sample)) {
    auto& shares = frequencies.emplace_back();
    for (const std::uint32_t count : table) shares.push_back(count / static_cast<double>(sample));
  }
  if (kernel.intercept_table >= 0)  // written once in kThinning examples
    frequencies[static_cast<std::size_t>(kernel.intercept_table)][0] = 1. / View<Frozen>::kThinning;
  return frequencies;
}

std::vector<std::vector<float>> batch_scales(const std::vector<std::vector<double>>& frequencies, double examples) {
  std::vector<std::vector<float>> scales;
  for (const auto& shares : frequencies) {
    auto& table = scales.emplace_back();
    for (const double share : shares) table.push_back(static_cast<float>(1 / std::max(1., examples * share)));
  }
  return scales;
}

std::vector<std::vector<float>> batch_scales(const Kernel& kernel, const Dataset& data, double examples) {
  return batch_scales(touch_frequencies(kernel, data), examples);
}

}  // namespace sounder
