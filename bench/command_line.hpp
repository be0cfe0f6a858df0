// A command line: flags whose values are parsed so that every message has the same form.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <sounder/error.hpp>
#include <sounder/modes.hpp>

namespace sounder::bench {

/// "a,b,c" at its commas; "" is one empty part.
std::vector<std::string> split(const std::string& list);

/// Throws Error naming the flag.
template <class Number>
Number number_of(const char* flag, const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec == std::errc::result_out_of_range) throw Error(fmt::format("{} {} is out of range: give a number that fits", flag, text));
  if (result.ec != std::errc{} || result.ptr != end || !std::isfinite(static_cast<double>(value)))
    throw Error(fmt::format("{} needs a {}, not \"{}\"", flag, std::is_integral_v<Number> ? "whole number" : "number", text));
  return value;
}

/// The value of a name in one of the tables of modes.hpp. Throws Error naming the flag and all names.
template <class Table>
auto value_of(const char* flag, const Table& table, const std::string& name) {
  const auto value = from_name(table, name);
  if (!value) throw Error(fmt::format("{} \"{}\" is unknown: give one of {}", flag, name, names_of(table)));
  return *value;
}

/// The summary, then a line for each name.
template <class Table>
std::string help_of(const std::string& summary, const Table& table) {
  std::string help = summary + ":";
  for (const auto& entry : table) help += fmt::format("\n  {:<12} {}", entry.name, entry.help);
  return help;
}

class CommandLine {
 public:
  CommandLine(const std::string& summary, const std::string& program, std::string version);

  template <class F>
  CLI::Option* text(const char* flag, const std::string& help, const char* type, F assign) {
    return app_.add_option_function<std::string>(flag, assign, help)->type_name(type);
  }
  void path(const char* flag, std::string& target, const std::string& help, const char* type = "FILE");
  void on(const char* flag, bool& target, const std::string& help) { app_.add_flag(flag, target, help); }
  template <class Number, class Target>
  void number(const char* flag, Target& target, const std::string& help) {
    text(flag, help, std::is_integral_v<Number> ? "N" : "X",
         [flag, &target](const std::string& value) { target = number_of<Number>(flag, value); });
  }
  template <class Table, class Target>
  void name(const char* flag, const Table& table, Target& target, const std::string& help) {
    text(flag, help_of(help, table), "NAME",
         [flag, &table, &target](const std::string& value) { target = value_of(flag, table, value); });
  }

  /// Assigns every target. Throws Error on an unknown flag or a bad value. If --help or --version was asked for, returns the
  /// answer; else "".
  std::string parse(int argc, const char* const* argv);
  /// Whether a flag was there.
  bool given(const char* flag) const { return app_.count(flag) > 0; }

 private:
  CLI::App app_;
  std::string version_;
};

}  // namespace sounder::bench
