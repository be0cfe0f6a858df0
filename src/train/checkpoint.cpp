#include <sounder/train/checkpoint.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "params/model_fields.hpp"

namespace sounder {
namespace {

constexpr FileKind kCheckpointFile{.magic = "SOUNDERC", .noun = "checkpoint", .flag = "--checkpoint"};
constexpr std::uint64_t kVersion = 2;
constexpr const char* kStep = "step";
constexpr std::array<std::string_view, 2> kFromData{kStep, "batch"};  ///< facts whose defaults depend on the data

void put(FieldWriter& out, const std::optional<double>& value) {
  out.number(value.has_value());
  out.real(value.value_or(0));
}

std::optional<double> get_optional(FieldReader& in) {
  const bool there = in.number() != 0;
  const double value = in.real();
  return there ? std::optional(value) : std::nullopt;
}

void put(FieldWriter& out, const Point& point) {
  out.number(static_cast<std::uint64_t>(point.epoch));
  out.real(point.seconds);
  out.number(point.examples);
  out.number(point.updates);
  out.number(point.bytes_sent);
  out.real(point.train_loss);
  put(out, point.test_loss);
  put(out, point.test_metric);
  out.real(point.step);
}

Point get_point(FieldReader& in) {
  Point point;  // not one braced list: the order of the reads must be seen
  point.epoch = static_cast<int>(in.number());
  point.seconds = in.real();
  point.examples = in.number();
  point.updates = in.number();
  point.bytes_sent = in.number();
  point.train_loss = in.real();
  point.test_loss = get_optional(in);
  point.test_metric = get_optional(in);
  point.step = in.real();
  return point;
}

void put(FieldWriter& out, const Backoff& backoff) {
  out.number(static_cast<std::uint64_t>(backoff.divergence.epoch));
  out.number(backoff.divergence.examples);
  out.real(backoff.divergence.loss);
  out.real(backoff.divergence.step);
  out.number(static_cast<std::uint64_t>(backoff.epochs));
  out.real(backoff.step);
}

Backoff get_backoff(FieldReader& in) {
  Backoff backoff;
  backoff.divergence.epoch = static_cast<int>(in.number());
  backoff.divergence.examples = in.number();
  backoff.divergence.loss = in.real();
  backoff.divergence.step = in.real();
  backoff.epochs = static_cast<int>(in.number());
  backoff.step = in.real();
  return backoff;
}

Checkpoint get_checkpoint(FieldReader& in) {
  Checkpoint checkpoint;
  checkpoint.data = in.text();
  checkpoint.data_digest = in.text();
  checkpoint.epochs = static_cast<int>(in.number());
  checkpoint.scale = in.real();
  for (std::uint64_t n = in.number(); n > 0; --n) checkpoint.curve.push_back(get_point(in));
  for (std::uint64_t n = in.number(); n > 0; --n) checkpoint.backoffs.push_back(get_backoff(in));
  checkpoint.state = get_model(in);
  if (!in.empty() || checkpoint.curve.empty()) throw std::out_of_range("tail");
  return checkpoint;
}

}  // namespace

std::map<std::string, std::string> facts_of(const Kernel& kernel, const Options& options) {
  std::map<std::string, std::string> facts{
      {"seed", fmt::format("{}", options.seed)},
      {"rule", std::string(name_of(kRules, options.rule))},
      {kStep, fmt::format("{}", options.step > 0 ? options.step : kernel.default_step)},
      {"schedule", std::string(name_of(kSchedules, options.schedule))}};
  if (options.schedule != ScheduleName::constant) facts["decay"] = fmt::format("{}", options.decay_used());
  if (options.schedule == ScheduleName::backoff) facts["phase"] = fmt::format("{}", options.phase);
  return facts;
}

void check_checkpoint(const Checkpoint& checkpoint, const Kernel& kernel, const CheckedData& data,
                      const std::map<std::string, std::string>& facts) {
  if (checkpoint.state.model != kernel.name)
    throw Error(fmt::format("the checkpoint {} is of a {} model: give --model {} instead of {}", checkpoint.file,
                            checkpoint.state.model, checkpoint.state.model, kernel.name));
  // Some defaults depend on the data, and the data on --transform: the cause is named, not what follows from it.
  const auto agree = [&](const std::string& flag, const std::string& value) {
    const auto given = facts.find(flag);
    const auto close = [&] {  // a step as it is printed is the step that it stands for
      const double a = std::strtod(value.c_str(), nullptr), b = std::strtod(given->second.c_str(), nullptr);
      return flag == kStep && std::abs(a - b) <= 1e-3 * std::abs(a);
    };
    if (given != facts.end() && given->second != value && !close())
      throw Error(fmt::format("the checkpoint {} was written with --{} {}, not {}: give that flag here too",
                              checkpoint.file, flag, value, given->second));
  };
  for (const auto& [flag, value] : checkpoint.state.facts)
    if (std::ranges::count(kFromData, flag) == 0) agree(flag, value);
  if (checkpoint.data_digest != data.digest)
    throw Error(fmt::format(
        "the checkpoint {} was written while training on {} (digest {}), not on {} (digest {}): give that --data",
        checkpoint.file, checkpoint.data, checkpoint.data_digest, data.name, data.digest));
  for (const std::string_view flag : kFromData)
    if (const auto fact = checkpoint.state.facts.find(std::string(flag)); fact != checkpoint.state.facts.end()) agree(fact->first, fact->second);
  check_saved(checkpoint.state, kernel, RowPart::whole);
}

void save(const Checkpoint& checkpoint, const std::string& path) {
  FieldWriter out;
  out.number(kVersion);
  out.text(checkpoint.data);
  out.text(checkpoint.data_digest);
  out.number(static_cast<std::uint64_t>(checkpoint.epochs));
  out.real(checkpoint.scale);
  out.number(checkpoint.curve.size());
  for (const Point& point : checkpoint.curve) put(out, point);
  out.number(checkpoint.backoffs.size());
  for (const Backoff& backoff : checkpoint.backoffs) put(out, backoff);
  put_model(out, checkpoint.state);
  write_fields(kCheckpointFile, out, path);
}

Checkpoint load_checkpoint(const std::string& path) {
  const FileFields fields = read_fields(kCheckpointFile, path);
  FieldReader in(fields.content);
  try {
    const std::uint64_t version = in.number();
    if (fields.intact && version != kVersion)
      throw Error(fmt::format(
          "the checkpoint {} has version {} of the format, and this program reads version {}: go on with the "
          "program that wrote it",
          path, version, kVersion));
    if (fields.intact) {
      Checkpoint checkpoint = get_checkpoint(in);
      checkpoint.file = path;
      return checkpoint;
    }
  } catch (const std::out_of_range&) {
  }
  throw Error(damaged(kCheckpointFile, path));
}

}  // namespace sounder
