// The curve of a run on several ranks: parameters as they were at each point, evaluated by all ranks together after the run.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include <sounder/mpi/fit.hpp>

#include "evaluate.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"

namespace sounder::mpi {

/// One rank's part of it. What is called collective must be called by all ranks.
class RankCurve {
 public:
  RankCurve(Endpoint& endpoint, const Problem& problem, const sounder::Options& options, const RankModeEntry& entry, int workers, Team& team);

  /// Point 0, of the start values. Collective.
  void start(const Parameters& parameters);
  /// What divergence is judged by: the loss of the start values. Not finite: they are no place to start from.
  double scale() const { return scale_; }

  /// A copy of this rank's parameters, for the next point; `when`: what is known of it, in lockstep.
  void take(const Parameters& parameters, const Progress::Declared& when = {});
  int taken() const { return static_cast<int>(packed_.size()); }

  /// How a run ended.
  struct End {
    std::optional<Stopped> stopped;
    double seconds = 0;                          ///< rank 0's clock
    std::uint64_t examples = 0, bytes_sent = 0;  ///< of this rank
    std::vector<Progress::Declared> declared;    ///< by rank 0, where points are counted
  };
  /// Evaluates all points; `parameters` then are those of the last good one, and `run` has curve, seconds, why it stopped and what to do.
  /// After the mode's finish(). Collective.
  void collect(const End& end, RankDiscipline& mode, Parameters& parameters, sounder::Result& run);

  double step_at(int epoch) const;

 private:
  double default_step() const;
  bool add(int point, const Progress::Declared& when, std::span<const float> packed, sounder::Result& run);
  std::vector<float> bring(int point, RankDiscipline& mode);
  std::vector<Progress::Declared> declared_points(const End& end);
  void explain_divergence(sounder::Result& run) const;
  Point point_of(int point, const Progress::Declared& when, const RankEvaluator::Losses& losses) const;

  Endpoint& endpoint_;
  const Problem& problem_;
  const sounder::Options& options_;
  const RankModeEntry entry_;
  const int workers_;
  RankEvaluator evaluate_;
  Parameters at_;
  double scale_ = 0;
  Point first_;
  std::vector<float> start_values_;
  std::vector<std::vector<float>> packed_;
  std::vector<Progress::Declared> lockstep_;
};

}  // namespace sounder::mpi
