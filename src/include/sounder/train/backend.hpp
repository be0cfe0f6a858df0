// Who runs a round on which workers.
#pragma once

#include <memory>
#include <string>

#include <sounder/data/dataset.hpp>
#include <sounder/kernel.hpp>
#include <sounder/options.hpp>
#include <sounder/params/parameters.hpp>
#include <sounder/train/chunk_queue.hpp>
#include <sounder/train/gatherer.hpp>
#include <sounder/train/team.hpp>
#include <sounder/train/telemetry.hpp>

namespace sounder {

/// The local work between two exchanges.
struct Round {
  int epoch = 0;       ///< 0, 1, ...
  int index = 0;       ///< of the round in the whole run
  float rate = 0;      ///< step size
  bool untouched = false;  ///< the parameters are as the round before left them, or as at prepare() if there was none: no other copy is stale
  float l1 = 0;        ///< --l1 times the examples that will have been processed at its end
};

/// Runs rounds. Holds its team and what its mode keeps across rounds. Called by one thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Team& team() = 0;
  /// Which memory the parameters must lie in.
  virtual MemoryKind memory() const { return MemoryKind::heap; }
  /// The parameters of a run, before prepare(): in that memory, unless the backend has some of its own.
  virtual Parameters make_parameters(const Layout& layout) { return Parameters(layout, memory()); }
  /// Before the first round of a run, and again when parameters of an earlier point were put back. All three outlive
  /// the run.
  virtual void prepare(const Kernel& kernel, const Dataset& data, Parameters& parameters) = 0;
  /// Steps on every chunk that its workers pull, until the queue is empty; when it returns, the parameters hold
  /// all of the round's updates and no worker runs. What changed the parameters between rounds is seen.
  virtual void run(const Round& round, ChunkQueue& queue) = 0;
  /// After prepare(): whether run() steps on the very examples of the queue, and not on as many others of the epoch.
  virtual bool in_order() const { return true; }
  /// After prepare(): who gathers gradients beside the team, for modes that do not call run(); null: nobody. Belongs to the backend.
  virtual Gatherer* gatherer() { return nullptr; }
  /// How often an epoch visits each example: more than once where every worker sees all data.
  virtual int visits() const { return 1; }
  /// What was measured since prepare(). Between rounds; takes some milliseconds.
  virtual Telemetry telemetry() const { return {}; }
  /// What else is worth knowing of how the run was done, in one line: empty, or which way a mode took.
  virtual std::string remark() const { return ""; }
};

/// One thread: the oracle of all tests. `team` has one worker, and says which thread that is and where it runs;
/// by default the calling one, wherever it is.
std::unique_ptr<Backend> make_serial_backend(std::unique_ptr<Team> team = std::make_unique<SerialTeam>(),
                                             TelemetryName telemetry = TelemetryName::on);

}  // namespace sounder
