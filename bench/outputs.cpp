#include "outputs.hpp"

#include <filesystem>

#include <unistd.h>

namespace sounder::bench {
namespace {

void check_ending(const Output& output) {
  const std::string_view flag = output.flag;
  if (flag == "--curve" && !output.path.empty() && !output.path.ends_with(".jsonl") && !output.path.ends_with(".csv"))
    throw Error(fmt::format("--curve {} has an unknown ending: give a name that ends in .jsonl or .csv", output.path));
  if (flag == "--json" && output.path.ends_with(".csv"))
    throw Error(fmt::format("--json {} would hold JSON lines: use --curve for CSV", output.path));
}

void check_writable(const Output& output) {
  if (output.path.empty() || output.path == "-") return;
  const std::filesystem::path target(output.path);
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored))
    throw Error(fmt::format("{} {} is a directory: give a file", output.flag, output.path));
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const bool exists = std::filesystem::exists(target, ignored);
  const bool renamed = output.renamed && (!exists || std::filesystem::is_regular_file(target, ignored));
  if (!std::filesystem::is_directory(folder, ignored))
    throw Error(fmt::format("{} {} cannot be written: there is no directory {}", output.flag, output.path, folder.string()));
  if (access(exists && !renamed ? output.path.c_str() : folder.c_str(), W_OK) != 0)  // a renamed file is made anew in its folder
    throw Error(fmt::format("{} {} cannot be written: permission denied", output.flag, output.path));
}

/// Devices may be shared.
bool same(const std::string& a, const std::string& b) {
  std::error_code error;
  if (a.empty() || b.empty() || (std::filesystem::exists(a, error) && !std::filesystem::is_regular_file(a, error))) return false;
  return std::filesystem::weakly_canonical(a, error) == std::filesystem::weakly_canonical(b, error);
}

/// Two flags that name one file: one would destroy what the other reads or writes.
void check_distinct(const std::vector<Input>& inputs, const std::vector<Output>& outputs) {
  const auto refuse = [](const Output& one, const auto& other) {
    if (same(one.path, other.path)) throw Error(fmt::format("{} {} is also {}: give another file", one.flag, one.path, other.flag));
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (const Input& input : inputs)
      if (outputs[i].may_also_be != input.flag) refuse(outputs[i], input);
    for (std::size_t k = i + 1; k < outputs.size(); ++k) refuse(outputs[i], outputs[k]);
  }
}

}  // namespace

std::vector<Input> inputs_of(const Settings& s) { return {{"--data", s.data}, {"--test", s.test}, {"--resume", s.resume}}; }

std::vector<Output> outputs_of(const Settings& s) {
  return {{"--curve", s.curve},
          {"--json", s.json},
          {"--predict", s.predict},
          {"--save", s.save, true},
          {"--checkpoint", s.options.checkpoint, true, "--resume"}};
}

void check_files(const std::vector<Input>& inputs, const std::vector<Output>& outputs) {
  for (const Output& output : outputs)
    if (output.path == "-" && std::string_view(output.flag) != "--json") throw Error("only --json can be - (stdout): give a file");
  for (const Output& output : outputs) check_ending(output);
  check_distinct(inputs, outputs);
  for (const Output& output : outputs) check_writable(output);
}

}  // namespace sounder::bench
