#include "modes/served.hpp"

#include <utility>

#include "owners.hpp"

namespace sounder::mpi {

std::vector<KvTable> tables_of(const Layout& layout) {
  std::vector<KvTable> tables;
  for (std::size_t table = 0; table < layout.tables(); ++table) tables.push_back({.rows = layout.shape(table).rows, .width = layout.shape(table).width});
  return tables;
}

std::vector<float> packed_of(const Parameters& parameters) {
  std::vector<float> packed(packed_size(parameters.layout()));
  pack(parameters, packed);
  return packed;
}

std::vector<float> movement_of(const Setting& setting, const RankRound& round, std::span<const Run> runs, std::span<const float> base,
                               const std::function<void()>& pad) {
  scatter(base, runs, setting.parameters);
  setting.backend.run(round.round, round.queue);
  pad();
  std::vector<float> moved(base.size());
  gather(setting.parameters, runs, moved);
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= base[i];
  return moved;
}

namespace {

KvOptions placed(const Setting& setting, KvOptions options) {
  options.workers = setting.workers;
  options.first_server = setting.mpi.dedicated_servers > 0 ? setting.workers : 0;
  options.servers = setting.mpi.dedicated_servers > 0 ? setting.mpi.dedicated_servers : owners_of(packed_size(setting.kernel.layout), setting.endpoint.size());
  options.audit = setting.mpi.audit;
  return options;
}

}  // namespace

Served::Served(const Setting& setting, KvOptions options)
    : setting_(setting),
      touched_(setting.kernel),
      store_(setting.world, tables_of(setting.kernel.layout), packed_of(setting.parameters), placed(setting, std::move(options))) {}

void Served::run(const RankRound& round, const std::function<void()>& pad) {
  const std::vector<Run>& runs = touched_.of(setting_.data, round.ranges);
  base_.resize(floats_of(setting_.kernel.layout, runs));
  about_to_read();
  store_.wait(store_.pull(runs, base_));
  has_read();
  std::vector<float> moved = movement_of(setting_, round, runs, base_, pad);
  store_.push(runs, std::move(moved), {.rate = round.round.rate, .examples = round.queue.taken(), .completes_clock = true});
}

void Served::pull_point(int point, std::span<float> out) {
  store_.wait(store_.pull_snapshot(static_cast<std::uint64_t>(point), out));
}

void Served::leave() {
  if (store_.works()) store_.leave();
}

void Served::finish() {
  store_.quiesce();
  setting_.endpoint.run([this] { mark_point(kFinal); });
  std::vector<float> packed(store_.packed_floats());
  pull_point(kFinal, packed);
  unpack(packed, setting_.parameters);
}

ModeTelemetry Served::telemetry() const {
  const KvTelemetry store = store_.telemetry();
  return {.staleness_clocks = store.staleness_clocks,
          .staleness_updates = store.staleness_updates,
          .reads = store.reads,
          .violations = store.violations,
          .remark = store.first_violation};
}

}  // namespace sounder::mpi
