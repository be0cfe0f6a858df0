// What gpu_roofs has measured: one line each, and what it is held against.
#pragma once

#include <string>
#include <vector>

namespace sounder::cuda {

struct Line {
  std::string name;
  double value = 0;
  std::string unit{};
  std::string roof{};    ///< name of the line that bounds this one; empty: none
  double of_roof = 0;    ///< 1: as fast as the roof
  double least = 0;      ///< of value; 0: no bar
  double least_of_roof = 0;
  std::string note{};
  bool wrong = false;  ///< a result that must not be, whatever the speed

  bool failed() const { return wrong || value < least || of_roof < least_of_roof; }
};

/// Collects lines; each is written as JSON at once, so that what was measured before a mishap is not lost.
class Report {
 public:
  /// `bars`: whether lines are held to their bars of speed.
  Report(const std::string& json_path, bool bars) : path_(json_path), bars_(bars) {}

  void add(Line line);
  /// Aligned, all lines.
  std::string table() const;
  bool failed() const;

 private:
  std::string path_;  ///< empty: none
  bool bars_;
  std::vector<Line> lines_;
};

}  // namespace sounder::cuda
