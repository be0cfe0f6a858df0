// What modes with servers share: a round pulls the rows that it reads, trains on them, and pushes how far it moved them.
#pragma once

#include <vector>

#include <sounder/mpi/kv_store.hpp>

#include "modes/mode.hpp"
#include "touched_rows.hpp"

namespace sounder::mpi {

inline constexpr int kFinal = -1;  ///< what is kept of the end of a run, as of a point: none has this number

std::vector<KvTable> tables_of(const Layout& layout);
std::vector<float> packed_of(const Parameters& parameters);
/// Trains a round on `base`, the values of these rows: how far it moved them.
std::vector<float> movement_of(const Setting& setting, const RankRound& round, std::span<const Run> runs, std::span<const float> base,
                               const std::function<void()>& pad);

/// A rank's part in a run whose parameters lie with servers. The rank's own parameters are a cache: right, within the bound of
/// the store, in the rows that a round has pulled. Movements travel, not gradients, so that any discipline can train inside of the
/// rank, and its rule's state stays there.
class Served : public RankDiscipline {
 public:
  Served(const Setting& setting, KvOptions options);

  void run(const RankRound& round, const std::function<void()>& pad) override;
  void mark_point(int point) override { store_.snapshot(static_cast<std::uint64_t>(point)); }
  void pull_point(int point, std::span<float> out) override;
  void leave() override;
  void finish() override;
  ModeTelemetry telemetry() const override;

 protected:
  /// Around the read of a round: where a mode chooses how stale it may be.
  virtual void about_to_read() {}
  virtual void has_read() {}
  KvStore& store() { return store_; }

 private:
  Setting setting_;
  TouchedRows touched_;
  KvStore store_;
  std::vector<float> base_;
};

}  // namespace sounder::mpi
