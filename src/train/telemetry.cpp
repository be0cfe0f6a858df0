#include <sounder/train/telemetry.hpp>

#include <numeric>
#include <utility>

namespace sounder {
namespace {

std::optional<double> share(std::uint64_t part, std::uint64_t all) {
  if (all == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(all);
}

template <class Field>
Field sum(const std::vector<WorkerTelemetry>& workers, Field WorkerTelemetry::*field) {
  return std::accumulate(workers.begin(), workers.end(), Field{}, [&](Field all, const WorkerTelemetry& w) { return all + w.*field; });
}

}  // namespace

void Telemetry::add(WorkerTelemetry part) {
  on = true;
  staleness.merge(part.staleness);
  rehearsed += part.rehearsed;
  conflicted += part.conflicted;
  audited += part.audited;
  workers.push_back(std::move(part));
}

std::uint64_t Telemetry::examples() const { return sum(workers, &WorkerTelemetry::examples); }
double Telemetry::compute_seconds() const { return sum(workers, &WorkerTelemetry::compute_seconds); }
double Telemetry::wait_seconds() const { return sum(workers, &WorkerTelemetry::wait_seconds); }
std::optional<double> Telemetry::conflict_rate() const { return share(conflicted, rehearsed); }
std::optional<double> Telemetry::lost_rate() const { return share(audited - kept, audited); }

}  // namespace sounder
