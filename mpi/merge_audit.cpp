#include "merge_audit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <xxhash.h>

#include "collectives.hpp"

namespace sounder::mpi {
namespace {

/// Of the sum of absolute values, times the addends: 8 times the unit of rounding of a float.
constexpr double kRounding = 5e-7;
constexpr double kWeights = 1e-12;  ///< how much a row of weights may miss 1

/// h(i): a sign and 1 to 2, by a hash of i (the finalizer of splitmix64).
double factor(std::uint64_t i) {
  i = (i + 1) * 0x9e3779b97f4a7c15;
  i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9;
  i ^= i >> 27;
  const double size = 1 + static_cast<double>(i >> 40) / (1 << 24);
  return (i & 1) != 0 ? size : -size;
}

/// False where one of them is not a number: a run that diverges merges rightly what is none.
bool differ(const Checksum& expected, const Checksum& got, double addends) {
  return std::abs(expected.value - got.value) > kRounding * (addends + 1) * std::max(expected.size, got.size);
}

std::uint64_t digest_of(std::span<const float> values) { return XXH64(values.data(), values.size_bytes(), 0); }

/// What a rank tells all others of a merge.
struct Told {
  Checksum gave;
  double weight;
  std::uint64_t digest;
};

/// What most ranks hold; of several, what the lowest rank among them does.
std::uint64_t most_common(std::span<const Told> told) {
  std::uint64_t best = 0;
  std::ptrdiff_t most = 0;
  for (const Told& one : told)
    if (const auto count = std::ranges::count(told, one.digest, &Told::digest); count > most) most = count, best = one.digest;
  return best;
}

}  // namespace

void Checksum::add(std::span<const float> values, std::size_t first) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]);
    value += factor(first + i) * x;
    size += std::abs(x);
  }
}

Checksum checksum(std::span<const float> values) {
  Checksum sum;
  sum.add(values, 0);
  return sum;
}

Checksum checksum(const RowView& rows, const RowNumbers& numbers) {
  Checksum sum;
  const float* from = rows.sums.data();
  for (std::size_t i = 0, table = 0; i < rows.count; ++i) {
    while (rows.number(i) >= numbers.end(table)) ++table;
    const std::size_t width = numbers.width(table);
    sum.add({from, width}, numbers.floats_before(rows.number(i)));
    if (!rows.decays.empty()) sum.add(rows.decays.subspan(i, 1), numbers.floats() + rows.number(i));
    from += width;
  }
  return sum;
}

void MergeAudit::sum(Endpoint& endpoint, std::uint64_t clock, const Checksum& gave, const Checksum& got, const Parameters& replica) {
  std::vector<float> packed(packed_size(replica.layout()));
  pack(replica, packed);
  check(endpoint, clock, Merge::sum, gave, 1, got, digest_of(packed));
}

void MergeAudit::mean(Endpoint& endpoint, std::uint64_t clock, const Checksum& gave, double weight, std::span<const float> got) {
  check(endpoint, clock, Merge::mean, gave, weight, checksum(got), digest_of(got));
}

void MergeAudit::alike(Endpoint& endpoint, std::uint64_t clock, std::span<const float> got) {
  check(endpoint, clock, Merge::none, {}, 0, {}, digest_of(got));
}

void MergeAudit::check(Endpoint& endpoint, std::uint64_t clock, Merge merge, const Checksum& gave, double weight, const Checksum& got,
                       std::uint64_t digest) {
  if (!on_ || endpoint.size() == 1) return;  // there is nobody to agree with
  std::vector<Told> told;
  for (const Payload& of_rank : all_gather(endpoint, Payload::of(std::vector<Told>{{gave, weight, digest}})))
    told.push_back(of_rank.as<Told>()[0]);
  Checksum expected;
  double total = 0;
  for (const Told& one : told) {
    expected.value += one.weight * one.gave.value;
    expected.size += std::abs(one.weight) * one.gave.size;
    total += one.weight;
  }
  if (merge == Merge::mean) expected.value /= total, expected.size /= total;
  const bool same = digest == most_common(told);
  const bool right = merge == Merge::none || (merge == Merge::mean && total == 0) || !differ(expected, got, endpoint.size());
  replica(same && right, fmt::format("in round {}, rank {} {}", clock, endpoint.rank(),
                                     !same ? "holds other bits than most ranks" : "got something else than what all ranks gave"));
}

void MergeAudit::replica(bool good, const std::string& what) {
  ++reads_;
  if (!good && !violations_++) first_ = what;
}

void MergeAudit::report(ModeTelemetry& telemetry) const {
  telemetry.reads += reads_;
  telemetry.violations += violations_;
  if (!first_.empty()) telemetry.remark = first_ + (telemetry.remark.empty() ? "" : "; " + telemetry.remark);
}

// --- mixing ----------------------------------------------------------------------------------------------------------

void MixingAudit::sign(Header& header, double weight, std::span<const float> values) {
  header.sequence = std::bit_cast<std::uint64_t>(weight);
  header.more = std::bit_cast<std::uint64_t>(checksum(values).value);
}

void MixingAudit::heard(MergeAudit& audit, const Frame& frame, std::uint64_t clock, double weight) {
  const Header& header = frame.header;
  const bool round = header.clock == clock, alike = std::bit_cast<double>(header.sequence) == weight;
  audit.replica(round && alike, fmt::format("in round {}, rank {} {} {}", clock, header.source,
                                            round ? "reckons with another weight than" : "was heard of another round by", "a neighbour"));
  weights_ += weight;
  expected_.value += weight * std::bit_cast<double>(header.more);
  expected_.size += weight * checksum(frame.payload.as<float>()).size;
}

void MixingAudit::own(double weight, std::span<const float> values) {
  const Checksum mine = checksum(values);
  weights_ += weight;
  expected_ += {weight * mine.value, weight * mine.size};
}

void MixingAudit::mixed(MergeAudit& audit, std::uint64_t clock, std::span<const float> values) {
  const bool whole = std::abs(weights_ - 1) < kWeights, right = !differ(expected_, checksum(values), 1);
  audit.replica(whole && right, fmt::format("in round {}, {}", clock,
                                            whole ? "a mixing is not made of what was sent" : "weights do not sum to 1"));
  *this = {};
}

}  // namespace sounder::mpi
