// What a person sees: one live line while a run goes on, one table at the end.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sounder/train/fit.hpp>

#include "records.hpp"

namespace sounder::bench {

/// "12.3 M", "4.56 k", "789"
std::string human(double count);
/// "12.5 MiB"
std::string bytes_text(std::size_t bytes);

/// A line on stderr that follows a run; silent unless stderr is a terminal.
class LiveLine final {
 public:
  LiveLine(std::string label, int epochs, bool quiet);
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void on_epoch(int epoch, const ChunkQueue& queue);
  void on_point(const Point& point);
  void on_end();
  /// A sentence on stderr, also where there is no line.
  void say(const std::string& sentence);

 private:
  void show();
  void draw() const;

  std::string label_;
  int epochs_;
  bool enabled_;
  std::mutex mutex_;  ///< guards all fields up to the thread
  std::condition_variable wake_;
  const ChunkQueue* queue_ = nullptr;  ///< null whenever it may not be asked: outside of epochs
  int epoch_ = 0;
  double loss_ = 0;
  double began_ = 0;  ///< seconds on the steady clock when the first epoch began
  bool ended_ = false;
  std::thread thread_;
};

/// One row of the final table.
struct TableRow {
  PlannedRun planned;
  const Result* result;
  std::optional<double> auc;
  std::optional<Efficiency> efficiency{};
  std::string reference{};  ///< the run that it is measured against: "hogwild x1"
  std::string workers{};   ///< if they are no threads
};

/// "hogwild x2"
std::string label_of(const PlannedRun& planned);

/// Aligned columns, a row a run, best values marked with *. Columns that no run has are left out.
std::string table_of(const std::vector<TableRow>& rows, const Dataset& train, Task task);

/// What telemetry found, a line a run, then how each speed-up came about. Empty where nothing was measured. `hottest`:
/// also the hottest cache lines of each run.
std::string telemetry_of(const std::vector<TableRow>& rows, bool hottest);

}  // namespace sounder::bench
