#include "gpu/report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::cuda {

void Report::add(Line line) {
  if (!bars_) line.least = line.least_of_roof = 0;
  fmt::print(stderr, "{}: {:.4g} {}\n", line.name, line.value, line.unit);
  if (!path_.empty()) {
    std::FILE* const file = std::fopen(path_.c_str(), "a");
    if (!file) throw Error(fmt::format("cannot write {}: check that its folder exists", path_));
    // Names and notes hold no quotes.
    fmt::print(file, "{{\"name\":\"{}\",\"value\":{:.6g},\"unit\":\"{}\",\"roof\":\"{}\",\"of_roof\":{:.4g},\"least\":{:.4g},\"least_of_roof\":{:.4g},\"ok\":{},\"note\":\"{}\"}}\n",
               line.name, line.value, line.unit, line.roof, line.of_roof, line.least, line.least_of_roof, !line.failed(), line.note);
    std::fclose(file);
  }
  lines_.push_back(std::move(line));
}

std::string Report::table() const {
  std::size_t wide = 4, roof_wide = 4;
  for (const Line& line : lines_) wide = std::max(wide, line.name.size()), roof_wide = std::max(roof_wide, line.roof.size());
  std::string text;
  for (const Line& line : lines_) {
    std::string bar;
    if (line.least > 0) bar += fmt::format(" >= {:.4g}", line.least);
    if (line.least_of_roof > 0) bar += fmt::format(" >= {:.0f} % of roof", 100 * line.least_of_roof);
    if (!bar.empty() || line.wrong) bar += line.failed() ? "  MISSED" : "  met";
    const std::string of_roof = line.roof.empty() ? "" : fmt::format("{:5.1f} % of {}", 100 * line.of_roof, line.roof);
    text += fmt::format("{:<{}}  {:>10.4g} {:<12}  {:<{}}  {}{}{}\n", line.name, wide, line.value, line.unit, of_roof, roof_wide + 11, bar,
                        line.note.empty() ? "" : "  ", line.note);
  }
  return text;
}

bool Report::failed() const {
  return std::any_of(lines_.begin(), lines_.end(), [](const Line& line) { return line.failed(); });
}

}  // namespace sounder::cuda
