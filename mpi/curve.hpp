// The curve of a run on several ranks: parameters as they were at each point, evaluated by all ranks together after the run.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <sounder/mpi/fit.hpp>

#include "evaluate.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"

namespace sounder::mpi {

/// The step of the first epoch that a run is given, or has by default.
double first_step(const Problem& problem, const sounder::Options& options, RankMode mode, int workers);

/// One rank's part of it. What is called collective must be called by all ranks.
class RankCurve {
 public:
  RankCurve(Endpoint& endpoint, const Problem& problem, const sounder::Options& options, RankMode mode, int workers, Team& team);

  /// Point 0, of the start values, or the curve so far of a run that goes on. Collective.
  void start(const Parameters& parameters);
  /// What divergence is judged by: the loss of the start values. Not finite: they are no place to start from.
  double scale() const { return scale_; }

  /// A copy of this rank's parameters, for the next point; `when`: what is known of it, in lockstep.
  void take(const Parameters& parameters, const Progress::Declared& when = {});
  int taken() const { return first_epoch_ + static_cast<int>(packed_.size()); }

  /// In lockstep, during the run: evaluates what was taken so far. False: it has diverged. Collective.
  bool evaluate_taken(RankDiscipline& mode);
  /// What is evaluated.
  const Curve& points() const { return points_; }

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
  bool trains() const { return problem_.train.data.size() > 0; }
  bool rank_0_keeps() const;
  void evaluate_all(const std::vector<Progress::Declared>& of_rank_0, RankDiscipline& mode);
  bool add(int point, const Progress::Declared& when, std::vector<float> packed);
  void note_target(const Point& point);
  std::vector<float> bring(int point, RankDiscipline& mode);
  void explain_divergence(sounder::Result& run) const;
  Point point_of(int point, const Progress::Declared& when, const RankEvaluator::Losses& losses) const;

  Endpoint& endpoint_;
  const Problem& problem_;
  const sounder::Options& options_;
  const RankMode mode_;
  const RankModeEntry entry_;
  const int workers_;
  int trainers_ = 1;             ///< ranks that have examples
  RankEvaluator evaluate_;
  Parameters at_;
  const int first_epoch_;        ///< of this run: not 0 if it goes on
  double scale_ = 0;
  bool sound_ = true;            ///< no point so far has diverged
  Curve points_;                 ///< good ones
  std::vector<float> good_;      ///< the parameters of the last one
  std::optional<double> target_seconds_;
  std::optional<std::vector<float>> merged_;  ///< what the mode has made of all ranks' parameters at the end: those of the last point
  std::vector<std::vector<float>> packed_;  ///< by point of this run; empty again once evaluated, and where rank 0 keeps them
  int evaluated_;                ///< points
  std::vector<Progress::Declared> lockstep_;
};

}  // namespace sounder::mpi
