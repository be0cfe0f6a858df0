#include "record_file.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sounder/error.hpp>

namespace sounder::bench {
namespace {

/// {"a": {"b": 1}} -> a.b = 1
void flatten(const Json& value, const std::string& name, std::vector<std::pair<std::string, Json>>& out) {
  if (!value.is_object()) return out.emplace_back(name, value), void();
  for (const auto& [key, item] : value.items()) flatten(item, name.empty() ? key : name + "." + key, out);
}

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();  // a list stays JSON text
  std::string quoted = "\"";
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

/// Every column that a record of any program may have, in the order of the kinds; then come the options.
const std::vector<std::string> kColumns{
    "kind", "run", "mode", "node_mode", "threads", "ranks",
    // point and summary
    "epoch", "seconds", "examples", "updates", "bytes_sent", "train_loss", "test_loss", "test_metric.name", "test_metric.value", "step",
    "load_seconds", "examples_per_second", "nonzeros_per_second", "test_auc", "digest", "target_seconds", "staleness.unit",
    "staleness.mean", "staleness.p50", "staleness.p99", "staleness.max", "staleness.samples", "staleness.histogram", "conflict_rate", "lost_rate",
    "compute_seconds", "wait_seconds", "workers", "hottest", "hardware_efficiency", "statistical_efficiency", "messages_sent", "cpu_updates", "gpu_updates",
    "audit", "stopped", "remark", "backoffs", "diverged.epoch", "diverged.examples", "diverged.loss", "diverged.step",
    // run
    "program", "version", "model", "data.name", "data.examples", "data.features", "data.nonzeros", "data.digest", "seed",
    "machine.cpu", "machine.cores", "machine.core_to_core_ns", "machine.compiler", "machine.mpi", "machine.gpu"};

std::string csv_line(const std::vector<std::string>& columns, const Json& record) {
  std::vector<std::pair<std::string, Json>> fields;
  flatten(record, "", fields);
  std::string line;
  for (const std::string& column : columns) {
    for (const auto& [name, value] : fields)
      if (name == column) line += csv_cell(value);
    line += ',';
  }
  line.back() = '\n';
  return line;
}

}  // namespace

RecordFile::RecordFile(const std::string& path, std::vector<std::string> more)
    : path_(path), file_(path == "-" ? stdout : std::fopen(path.c_str(), "w")), csv_(path.ends_with(".csv")), columns_(kColumns) {
  if (!file_) throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  columns_.insert(columns_.end(), more.begin(), more.end());
}

RecordFile::~RecordFile() {
  if (file_ && file_ != stdout) std::fclose(file_);
}

void RecordFile::write(const Json& record) {
  std::string line;
  if (csv_) {
    if (!header_) {
      for (const auto& [name, value] : record.at("options").items()) columns_.push_back("options." + name);
      line = fmt::format("{}\n", fmt::join(columns_, ","));
    }
    header_ = true;
    line += csv_line(columns_, record);
  } else {
    line = record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    throw Error(fmt::format("cannot write {}: {}", path_ == "-" ? "stdout" : path_, std::strerror(errno)));
}

}  // namespace sounder::bench
