// Mode `rma`: one-sided, for contrast with `async`.
// Guarantee: no add to a parameter is lost, and a rank's read holds its own earlier ones; after the last one all ranks read the same. That is all:
//   parameters of one row, read or added to in one call, may be of different moments, and nobody stands between to merge by more than a sum.
// Staleness: unbounded; measured, in adds by others between a rank's read and its own, by a count that is fetched along.
// Cost per round: a read and an add at each rank of the rows that the round touches; no rank handles a frame. An add brings back what was there, which
//   alone tells without blocking that it is done: one and a half times the bytes of async. Each call describes its rows to the library.
// Blocks when: never for another rank's training; for its entering MPI where memory is not shared: there its communication thread carries out
//   what others ask, and one that stops, stops them at its rows, up to --deadline. Opening and closing windows is collective.
// Fails how: late movements overshoot as in async, and none is compensated or guarded against: shorter rounds (--batch), or a smaller step. MPI
//   libraries differ in where they have windows: Open MPI 4 has good ones inside of a machine. Of its ways over a network, osc/pt2pt crashes and is left
//   out, osc/ucx over TCP takes milliseconds a call and has been seen to stand still. No MPI makes windows fault tolerant.
// Source: MPI 3.1, chapter 11 (Rget_accumulate with MPI_NO_OP reads, with MPI_SUM adds, under lock_all); Ying et al., "BlueFog", 2021 (window
//   operations); Recht et al., "Hogwild!", NIPS 2011, here with atomic adds and between processes.
#include "modes/rma.hpp"

#include <vector>

#include "modes/served.hpp"

namespace sounder::mpi {
namespace {

class Rma final : public RankDiscipline {
 public:
  Rma(const Setting& setting, const WindowOpener& open)
      : setting_(setting), touched_(setting.kernel), store_(setting.endpoint, tables_of(setting.kernel.layout), packed_of(setting.parameters), open) {}

  void run(const RankRound& round, const std::function<void()>& pad) override {
    const std::vector<Run>& runs = touched_.of(setting_.data, round.ranges);
    base_.resize(floats_of(setting_.kernel.layout, runs));
    store_.pull(runs, base_);
    store_.add(runs, movement_of(setting_, round, runs, base_, pad));
  }

  void mark_point(int point) override { store_.keep(point); }
  void pull_point(int point, std::span<float> out) override { store_.pull_kept(point, out); }

  void finish() override {
    store_.quiesce();
    std::vector<float> packed(store_.packed_floats());
    setting_.endpoint.run([this] { store_.keep(kFinal); });
    store_.pull_kept(kFinal, packed);
    store_.close();
    unpack(packed, setting_.parameters);
  }

  ModeTelemetry telemetry() const override {
    const WindowStore::Telemetry& store = store_.telemetry();
    ModeTelemetry telemetry;
    telemetry.staleness_updates = store.staleness_updates;
    telemetry.reads = store.reads;
    telemetry.violations = store.violations;
    telemetry.remark = store.first_violation;
    return telemetry;
  }

 private:
  const Setting setting_;
  TouchedRows touched_;
  WindowStore store_;
  std::vector<float> base_;
};

}  // namespace

std::unique_ptr<RankDiscipline> make_rma(const Setting& setting, const WindowOpener& open) { return std::make_unique<Rma>(setting, open); }

RankModeEntry rma_mode() {
  return {.pace = Pace::free,
          .serves = true,
          .make = [](const Setting& setting) { return make_rma(setting); }};
}

}  // namespace sounder::mpi
