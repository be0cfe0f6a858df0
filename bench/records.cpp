#include "records.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include <sounder/train/evaluate.hpp>

#include "version.hpp"

namespace sounder::bench {
namespace {

Json head(const char* kind, const RunFacts& facts) {
  return {{"kind", kind},
          {"run", facts.name.run},
          {"mode", facts.name.mode},
          {"node_mode", or_null(facts.name.node_mode)},
          {"threads", facts.name.threads},
          {"ranks", facts.name.ranks}};
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
          {"mpi", or_null(facts.transport)},
          {"gpu", or_null(facts.gpu)}};
}

Json options_of(const Settings& s) {
  const Options& o = s.options;
  const auto of_model = [&](auto value, auto... models) {  // null where the model has no such thing
    return ((s.model.model == models) || ...) ? Json(value) : Json(nullptr);
  };
  return {{"model", name_of(kModels, s.model.model)},
          {"data", s.data},
          {"test", or_null(s.test)},
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
          {"load", or_null(s.start)},
          {"checkpoint", or_null(o.checkpoint)},
          {"every", o.checkpoint.empty() ? Json(nullptr) : Json(o.every)},
          {"resume", or_null(s.resume)}};
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

void write_telemetry(Json& record, const Telemetry& t, double examples_per_second) {
  record["staleness"] = staleness_record(t.staleness, "updates");
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

}  // namespace

std::string RunName::label() const {
  return node_mode.empty() ? fmt::format("{} x{}", mode, threads) : fmt::format("{}/{} {}x{}", mode, node_mode, ranks, threads);
}

DataFacts DataFacts::of(const Dataset& train) {
  return {.name = train.name(),
          .examples = train.size(),
          .features = train.features(),
          .nonzeros = train.nonzeros(),
          .ratings = train.spaces() == 2,
          .digest = train.digest()};
}

Json staleness_record(const Histogram& histogram, const char* unit) {
  if (histogram.count() == 0) return nullptr;
  Json buckets = Json::array();  // [first, last, count]
  histogram.each([&](std::uint64_t first, std::uint64_t last, std::uint64_t count) { buckets.push_back({first, last, count}); });
  return {{"unit", unit},
          {"mean", histogram.mean()},
          {"p50", histogram.quantile(0.5)},
          {"p99", histogram.quantile(0.99)},
          {"max", histogram.max()},
          {"samples", histogram.count()},
          {"histogram", buckets}};
}

Json run_record(const Settings& settings, const RunFacts& facts, const Json& more) {
  Json record = head("run", facts);
  record["program"] = settings.program;
  record["version"] = SOUNDER_VERSION;
  record["model"] = name_of(kModels, settings.model.model);
  record["data"] = {{"name", facts.data.name},
                    {"examples", facts.data.examples},
                    {"features", facts.data.features},
                    {"nonzeros", facts.data.nonzeros},
                    {"digest", facts.data.digest}};
  record["seed"] = settings.options.seed;
  record["options"] = options_of(settings);
  record["options"].update(more);
  record["machine"] = machine(facts);
  return record;
}

Json point_record(const RunFacts& facts, const Point& point) {
  Json record = head("point", facts);
  record["epoch"] = point.epoch;
  record["seconds"] = point.seconds;
  record["examples"] = point.examples;
  record["updates"] = point.updates;
  record["bytes_sent"] = point.bytes_sent;
  record["train_loss"] = number(point.train_loss);
  record["test_loss"] = number(point.test_loss);
  record["test_metric"] = metric(facts, point.test_metric);
  record["step"] = point.epoch > 0 ? number(point.step) : Json(nullptr);  // nothing was stepped before point 0
  return record;
}

Json summary_record(const RunFacts& facts, const Result& result) {
  const Point& last = result.curve.back();
  const double examples = static_cast<double>(last.examples);
  const double each = facts.data.nonzeros_per_example();
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
  record["bytes_sent"] = last.bytes_sent;
  record["messages_sent"] = 0;
  const std::uint64_t on_gpu = result.telemetry.gpu_updates.value_or(0);
  record["cpu_updates"] = last.updates - std::min(last.updates, on_gpu);
  record["gpu_updates"] = on_gpu;
  record["audit"] = nullptr;
  record["stopped"] = name_of(kStoppeds, result.stopped);
  record["backoffs"] = result.backoffs.size();
  record["diverged"] = diverged(result);
  record["remark"] = or_null(facts.remark);
  return record;
}

}  // namespace sounder::bench
