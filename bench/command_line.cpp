#include "command_line.hpp"

#include <algorithm>
#include <utility>

namespace sounder::bench {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

CommandLine::CommandLine(const std::string& summary, const std::string& program, std::string version)
    : app_(summary, program), version_(std::move(version)) {
  app_.get_formatter()->column_width(26);
  app_.option_defaults()->take_last();  // so that a flag behind a script's own overrides it
}

void CommandLine::path(const char* flag, std::string& target, const std::string& help, const char* type) {
  text(flag, help, type, [flag, &target](const std::string& value) {
    if (value.empty()) throw Error(fmt::format("{} needs a name, not nothing", flag));
    target = value;
  });
}

std::string CommandLine::parse(int argc, const char* const* argv) {
  app_.add_flag_callback("--version", [this] { throw CLI::CallForVersion(version_, 0); }, "what was compiled in");
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return app_.help();
  } catch (const CLI::CallForVersion&) {
    return version_;
  } catch (const CLI::ExtrasError& error) {
    throw Error(fmt::format("{}: see --help for the flags", error.what()));
  } catch (const CLI::ParseError& error) {
    throw Error(error.what());
  }
  return "";
}

}  // namespace sounder::bench
