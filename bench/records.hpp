// The records of a run: what other programs read. The fields are a contract (README, "Records").
#pragma once

#include <cmath>
#include <optional>

#include <sounder/data/dataset.hpp>
#include <sounder/train/efficiency.hpp>
#include <sounder/train/fit.hpp>

#include "record_file.hpp"
#include "settings.hpp"

namespace sounder::bench {

/// Which run a record or a line of a table is of.
struct RunName {
  int run = 0;            ///< number of the run, from 0
  std::string mode;       ///< between ranks if there are ranks, else inside the node
  std::string node_mode;  ///< inside of each rank; "": there are no ranks
  int threads = 1;        ///< of each rank
  int ranks = 1;

  /// "hogwild x2", or "ssp/hogwild 4x2": ranks times threads
  std::string label() const;
};

/// What is told of the training set: of all of it, wherever its parts lie.
struct DataFacts {
  std::string name;
  std::size_t examples = 0, features = 0, nonzeros = 0;
  bool ratings = false;
  std::string digest;

  static DataFacts of(const Dataset& train);
  double nonzeros_per_example() const { return static_cast<double>(nonzeros) / static_cast<double>(examples); }
};

/// What is known of a run besides its Result.
struct RunFacts {
  RunName name;
  Task task = Task::rating;
  DataFacts data;
  double load_seconds = 0;
  std::optional<double> core_to_core_ns;
  std::string transport;                 ///< between ranks; "": none
  std::string gpu{};                     ///< what trained beside the CPU; "": nothing
  std::optional<double> auc;             ///< of the test set, at the end
  std::optional<Efficiency> efficiency;  ///< against an earlier run of the session,
  std::string reference;                 ///< this one: "hogwild x1"
  std::string remark;                    ///< of the backend, at the end
};

/// `more`: options of the program's own.
Json run_record(const Settings& settings, const RunFacts& facts, const Json& more);
Json point_record(const RunFacts& facts, const Point& point);
Json summary_record(const RunFacts& facts, const Result& result);

/// {unit, mean, p50, p99, max, samples, histogram}, null where nothing was counted.
Json staleness_record(const Histogram& histogram, const char* unit);

/// JSON knows no infinities: null.
inline Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
inline Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
inline Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace sounder::bench
