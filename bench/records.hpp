// The records of a run: what other programs read. The fields are a contract (README, "Records").
#pragma once

#include <nlohmann/json.hpp>

#include <sounder/data/dataset.hpp>
#include <sounder/train/efficiency.hpp>
#include <sounder/train/fit.hpp>

#include "settings.hpp"

namespace sounder::bench {

using Json = nlohmann::ordered_json;

/// What is known of a run besides its Result.
struct RunFacts {
  int run = 0;              ///< number of the run, from 0
  PlannedRun planned{};
  Task task = Task::rating;
  const Dataset* train = nullptr;
  const Dataset* test = nullptr;
  double load_seconds = 0;
  std::optional<double> core_to_core_ns;
  std::vector<std::uint64_t> staleness;  ///< updates by their staleness, if known
  std::optional<double> auc;   ///< of the test set, at the end
  std::optional<Efficiency> efficiency;  ///< against an earlier run of the session,
  std::string reference;                 ///< this one: "hogwild x1"
  std::string remark;          ///< of the backend, at the end
};

Json run_record(const Settings& settings, const RunFacts& facts);
Json point_record(const RunFacts& facts, const Point& point);
Json summary_record(const RunFacts& facts, const Result& result);

/// A file of records, by its name: JSON lines, or CSV with a column for every field of every kind
/// (`data.name` for nested ones). Written line by line, so that a killed run leaves its points.
class RecordFile {
 public:
  /// "-" is stdout. Throws Error if the file cannot be opened.
  explicit RecordFile(const std::string& path);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Throws Error if the disk is full or the pipe is closed.
  void write(const Json& record);

 private:
  std::string path_;
  std::FILE* file_;
  bool csv_;
  bool header_ = false;
};

}  // namespace sounder::bench
