// A file of records.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace sounder::bench {

using Json = nlohmann::ordered_json;

/// By its name: JSON lines, or CSV with a column for every field of every kind (`data.name` for nested ones). Written line by
/// line, so that a killed run leaves its points. The first record is of kind `run`: its options become columns.
class RecordFile {
 public:
  /// "-" is stdout. `more`: columns of this program's own, behind those that all have. Throws Error if the file cannot be opened.
  explicit RecordFile(const std::string& path, std::vector<std::string> more = {});
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Throws Error if the disk is full or the pipe is closed.
  void write(const Json& record);

 private:
  std::string path_;
  std::FILE* file_;
  bool csv_;
  std::vector<std::string> columns_;
  bool header_ = false;
};

}  // namespace sounder::bench
