#include "records.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/train/evaluate.hpp>

#include "version.hpp"

namespace sounder::bench {
namespace {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json head(const char* kind, const RunFacts& facts) {
  return {{"kind", kind},
          {"run", facts.run},
          {"mode", name_of(kModes, facts.planned.mode)},
          {"node_mode", nullptr},
          {"threads", facts.planned.threads},
          {"ranks", 1}};
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "unknown";
}

Json machine(const RunFacts& facts) {
  return {{"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"core_to_core_ns", number(facts.core_to_core_ns)},
          {"compiler", compiler_text()},
          {"mpi", nullptr},
          {"gpu", nullptr}};
}

Json options_of(const Settings& s) {
  const Options& o = s.options;
  const auto of_model = [&](auto value, auto... models) {  // null where the model has no such thing
    return ((s.model.model == models) || ...) ? Json(value) : Json(nullptr);
  };
  return {{"model", name_of(kModels, s.model.model)},
          {"data", s.data},
          {"test", s.test.empty() ? Json(nullptr) : Json(s.test)},
          {"transform", name_of(kTransforms, s.load.transform)},
          {"normalize", name_of(kNormalizes, s.load.normalize)},
          {"factors", of_model(s.model.factors, ModelName::mf, ModelName::fm)},
          {"hidden", of_model(s.model.hidden, ModelName::mlp)},
          {"tile", of_model(s.model.tile, ModelName::mlp)},
          {"team", name_of(kTeams, o.team)},
          {"pin", name_of(kPins, o.pin)},
          {"epochs", o.epochs},
          {"step", o.step > 0 ? Json(o.step) : Json(nullptr)},
          {"schedule", name_of(kSchedules, o.schedule)},
          {"decay", o.decay_used()},
          {"phase", o.schedule == ScheduleName::backoff ? Json(o.phase) : Json(nullptr)},
          {"backoff", o.backoff},
          {"l2", s.model.l2},
          {"l1", s.model.l1},
          {"rule", name_of(kRules, o.rule)},
          {"telemetry", name_of(kTelemetries, o.telemetry)},
          {"seed", o.seed},
          {"hot_rows", or_null(o.hot_rows)},
          {"flush", or_null(o.flush)},
          {"batch", o.batch == Options::kAll ? Json("all") : or_null(o.batch)},
          {"data_per_worker", name_of(kDataPerWorkers, o.data_per_worker)},
          {"replica", name_of(kReplicas, o.replica)},
          {"merge_every", or_null(o.merge_every)},
          {"target_loss", number(o.target_loss)},
          {"simulate_workers", or_null(s.simulate_workers)},
          {"tau", or_null(s.tau)},
          {"record", s.record.empty() ? Json(nullptr) : Json(s.record)},
          {"replay", s.replay.empty() ? Json(nullptr) : Json(s.replay)},
          {"load", s.start.empty() ? Json(nullptr) : Json(s.start)},
          {"checkpoint", o.checkpoint.empty() ? Json(nullptr) : Json(o.checkpoint)},
          {"every", o.checkpoint.empty() ? Json(nullptr) : Json(o.every)},
          {"resume", s.resume.empty() ? Json(nullptr) : Json(s.resume)}};
}

/// What ended the run, or else what it last went back from.
Json diverged(const Result& result) {
  if (!result.divergence && result.backoffs.empty()) return nullptr;
  const Divergence& last = result.divergence ? *result.divergence : result.backoffs.back().divergence;
  return {{"epoch", last.epoch}, {"examples", last.examples}, {"loss", number(last.loss)}, {"step", number(last.step)}};
}

Json metric(const RunFacts& facts, const std::optional<double>& value) {
  if (!value) return nullptr;
  return {{"name", metric_name(facts.task)}, {"value", number(*value)}};
}

Json staleness(const Histogram& histogram) {
  if (histogram.count() == 0) return nullptr;
  Json buckets = Json::array();  // [first, last, count]
  histogram.each([&](std::uint64_t first, std::uint64_t last, std::uint64_t count) { buckets.push_back({first, last, count}); });
  return {{"unit", "updates"},
          {"mean", histogram.mean()},
          {"p50", histogram.quantile(0.5)},
          {"p99", histogram.quantile(0.99)},
          {"max", histogram.max()},
          {"samples", histogram.count()},
          {"histogram", buckets}};
}

void write_telemetry(Json& record, const Telemetry& t, double examples_per_second) {
  record["staleness"] = staleness(t.staleness);
  record["conflict_rate"] = number(t.conflict_rate());
  record["lost_rate"] = number(t.lost_rate());
  record["compute_seconds"] = t.on ? Json(t.compute_seconds()) : Json(nullptr);
  record["wait_seconds"] = t.on ? Json(t.wait_seconds()) : Json(nullptr);
  record["workers"] = t.on ? Json::array() : Json(nullptr);
  for (const WorkerTelemetry& w : t.workers)
    record["workers"].push_back({{"compute_seconds", w.compute_seconds}, {"wait_seconds", w.wait_seconds}, {"examples", w.examples}});
  record["hottest"] = t.on ? Json::array() : Json(nullptr);
  for (const HotLine& line : t.hottest)
    record["hottest"].push_back({{"table", line.table},
                                 {"features", line.features},
                                 {"share", line.share},
                                 {"writes_per_second", number(line.share * examples_per_second)},
                                 {"conflicts", line.conflicts}});
}

/// `counts[tau]` updates were tau updates late.
Json staleness_of(const std::vector<std::uint64_t>& counts) {
  double updates = 0, sum = 0;
  for (std::size_t tau = 0; tau < counts.size(); ++tau) {
    updates += static_cast<double>(counts[tau]);
    sum += static_cast<double>(counts[tau]) * static_cast<double>(tau);
  }
  if (updates == 0) return nullptr;
  const auto quantile = [&](double share) {
    double below = 0;
    std::size_t tau = 0;
    while ((below += static_cast<double>(counts[tau])) < share * updates) ++tau;
    return tau;
  };
  return {{"unit", "updates"}, {"mean", sum / updates}, {"p50", quantile(0.5)}, {"p99", quantile(0.99)}, {"max", counts.size() - 1}};
}

/// {"a": {"b": 1}} -> a.b = 1
void flatten(const Json& value, const std::string& name, std::vector<std::pair<std::string, Json>>& out) {
  if (!value.is_object()) return out.emplace_back(name, value), void();
  for (const auto& [key, item] : value.items()) flatten(item, name.empty() ? key : name + "." + key, out);
}

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  std::string text = value.get<std::string>(), quoted = "\"";
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

/// Every column that any record may have, in the order of the kinds.
const std::vector<std::string>& csv_columns() {
  static const std::vector<std::string> columns{
      "kind", "run", "mode", "node_mode", "threads", "ranks",
      // point and summary
      "epoch", "seconds", "examples", "updates", "bytes_sent", "train_loss", "test_loss", "test_metric.name",
      "test_metric.value", "step", "load_seconds", "examples_per_second", "nonzeros_per_second", "test_auc", "digest",
      "target_seconds", "staleness.unit", "staleness.mean", "staleness.p50", "staleness.p99", "staleness.max", "staleness.samples",
      "conflict_rate", "lost_rate", "compute_seconds", "wait_seconds", "hardware_efficiency", "statistical_efficiency", "messages_sent",
      "cpu_updates", "gpu_updates", "audit", "stopped", "remark", "backoffs",
      "diverged.epoch", "diverged.examples", "diverged.loss", "diverged.step",
      // run
      "program", "version", "model", "data.name", "data.examples", "data.features", "data.nonzeros", "data.digest", "seed",
      "machine.cpu", "machine.cores", "machine.core_to_core_ns", "machine.compiler", "machine.mpi", "machine.gpu",
      "options.model", "options.data", "options.test", "options.transform", "options.normalize", "options.factors",
      "options.hidden", "options.tile",
      "options.team", "options.pin", "options.epochs", "options.step", "options.schedule",
      "options.decay", "options.phase", "options.backoff", "options.l2", "options.l1",
      "options.rule", "options.telemetry", "options.seed", "options.hot_rows", "options.flush",
      "options.batch", "options.data_per_worker", "options.replica", "options.merge_every",
      "options.target_loss", "options.simulate_workers", "options.tau", "options.record", "options.replay",
      "options.load", "options.auto", "options.checkpoint", "options.every", "options.resume"};
  return columns;
}

std::string csv_line(const Json& record) {
  std::vector<std::pair<std::string, Json>> fields;
  flatten(record, "", fields);
  std::string line;
  for (const std::string& column : csv_columns()) {
    for (const auto& [name, value] : fields)
      if (name == column) line += csv_cell(value);
    line += ',';
  }
  line.back() = '\n';
  return line;
}

}  // namespace

Json run_record(const Settings& settings, const RunFacts& facts) {
  Json record = head("run", facts);
  record["program"] = "bench_shm";
  record["version"] = SOUNDER_VERSION;
  record["model"] = name_of(kModels, settings.model.model);
  record["data"] = {{"name", facts.train->name()},
                    {"examples", facts.train->size()},
                    {"features", facts.train->features()},
                    {"nonzeros", facts.train->nonzeros()},
                    {"digest", facts.train->digest()}};
  record["seed"] = settings.options.seed;
  record["options"] = options_of(settings);
  record["options"]["auto"] = facts.planned.automatic;
  record["machine"] = machine(facts);
  return record;
}

Json point_record(const RunFacts& facts, const Point& point) {
  Json record = head("point", facts);
  record["epoch"] = point.epoch;
  record["seconds"] = point.seconds;
  record["examples"] = point.examples;
  record["updates"] = point.updates;
  record["bytes_sent"] = 0;
  record["train_loss"] = number(point.train_loss);
  record["test_loss"] = number(point.test_loss);
  record["test_metric"] = metric(facts, point.test_metric);
  record["step"] = point.epoch > 0 ? number(point.step) : Json(nullptr);  // nothing was stepped before point 0
  return record;
}

Json summary_record(const RunFacts& facts, const Result& result) {
  const Point& last = result.curve.back();
  const double examples = static_cast<double>(last.examples);
  const double each = static_cast<double>(facts.train->nonzeros()) / static_cast<double>(facts.train->size());
  const auto per_second = [&](double count) { return result.seconds > 0 ? number(count / result.seconds) : Json(nullptr); };
  Json record = head("summary", facts);
  record["seconds"] = result.seconds;
  record["load_seconds"] = facts.load_seconds;
  record["examples"] = last.examples;
  record["updates"] = last.updates;
  record["examples_per_second"] = per_second(examples);
  record["nonzeros_per_second"] = per_second(examples * each);
  record["train_loss"] = number(last.train_loss);
  record["test_loss"] = number(last.test_loss);
  record["test_metric"] = metric(facts, last.test_metric);
  record["test_auc"] = number(facts.auc);
  record["digest"] = result.digest;
  record["target_seconds"] = number(result.target_seconds);
  write_telemetry(record, result.telemetry, result.seconds > 0 ? examples / result.seconds : NAN);
  record["hardware_efficiency"] = facts.efficiency ? number(facts.efficiency->hardware) : Json(nullptr);
  record["statistical_efficiency"] = facts.efficiency ? number(facts.efficiency->statistical) : Json(nullptr);
  if (!facts.staleness.empty()) record["staleness"] = staleness_of(facts.staleness);
  record["bytes_sent"] = 0;
  record["messages_sent"] = 0;
  record["cpu_updates"] = last.updates;
  record["gpu_updates"] = 0;
  record["audit"] = nullptr;
  record["stopped"] = name_of(kStoppeds, result.stopped);
  record["backoffs"] = result.backoffs.size();
  record["diverged"] = diverged(result);
  record["remark"] = facts.remark.empty() ? Json(nullptr) : Json(facts.remark);
  return record;
}

RecordFile::RecordFile(const std::string& path)
    : path_(path), file_(path == "-" ? stdout : std::fopen(path.c_str(), "w")), csv_(path.ends_with(".csv")) {
  if (!file_) throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

RecordFile::~RecordFile() {
  if (file_ && file_ != stdout) std::fclose(file_);
}

void RecordFile::write(const Json& record) {
  std::string line;
  if (csv_) {
    if (!header_) line = fmt::format("{}\n", fmt::join(csv_columns(), ","));
    header_ = true;
    line += csv_line(record);
  } else {
    line = record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    throw Error(fmt::format("cannot write {}: {}", path_ == "-" ? "stdout" : path_, std::strerror(errno)));
}

}  // namespace sounder::bench
