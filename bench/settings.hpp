// What any bench program was asked to do: the flags that all of them have.
#pragma once

#include <string>
#include <vector>

#include <sounder/data/load.hpp>
#include <sounder/model/builtin.hpp>
#include <sounder/options.hpp>

#include "command_line.hpp"

namespace sounder::bench {

/// Parsed and checked one by one. `options.mode` and `options.threads` are set anew for each run.
struct Settings {
  std::string program;       ///< "bench_shm"
  ModelOptions model;
  std::string data, test;
  LoadOptions load;
  Options options;
  std::vector<int> threads;  ///< empty: as many as there are cores
  std::string curve, json, predict, save, start, resume;
  bool race = false;         ///< --step auto
  bool pin_given = false;
  bool quiet = false;
};

/// What a flag means that means something else in each program.
struct FlagHelp {
  std::string threads, step, batch, target_loss;
};

/// --model, --data and what prepares the data.
void declare_problem(CommandLine& line, Settings& settings);
/// --threads and where they run, steps, rules, what the disciplines inside a node need.
void declare_training(CommandLine& line, Settings& settings, const FlagHelp& help);
/// --curve, --json, --predict, --save, --load.
void declare_files(CommandLine& line, Settings& settings);
/// --checkpoint, --every, --resume.
void declare_checkpoints(CommandLine& line, Settings& settings);
/// Those that contradict each other or others. Throws Error.
void check_checkpoints(const Settings& settings);
/// Flags of the model and its data that contradict each other; --data is missing. Throws Error.
void check_problem(const Settings& settings);
/// A flag that none of these modes, all that will run, or the schedule obeys. `otherwise`: one that something else obeys. Throws Error.
void check_obeyed(const CommandLine& line, const Settings& settings, const std::vector<Mode>& modes, std::string_view otherwise = {});

/// A mode for each name of a list, "all" being all of the table. Throws Error naming the flag.
template <class Table>
auto listed(const char* flag, const Table& table, const std::string& list) {
  std::vector<std::remove_cvref_t<decltype(table[0].value)>> values;
  for (const std::string& name : split(list)) {
    if (name == "all")
      for (const auto& entry : table) values.push_back(entry.value);
    else
      values.push_back(value_of(flag, table, name));
  }
  return values;
}

}  // namespace sounder::bench
