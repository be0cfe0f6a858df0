#include "table.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include <sounder/train/evaluate.hpp>

#include "units.hpp"

namespace sounder::bench {
namespace {

/// One column: a heading, how to show a row, and how to rank it (lower is better; NaN: not ranked).
struct Column {
  std::string heading;
  std::function<std::string(const TableRow&)> show;
  std::function<double(const TableRow&)> rank;
};

const Point& last(const TableRow& row) { return row.result->curve.back(); }

std::string mode_of(const RunName& name) { return name.node_mode.empty() ? name.mode : fmt::format("{}/{}", name.mode, name.node_mode); }

std::string workers_of(const RunName& name) {
  return name.node_mode.empty() ? fmt::format("{}", name.threads) : fmt::format("{} x {}", name.ranks, name.threads);
}

double rate(const TableRow& row) { return row.result->seconds > 0 ? static_cast<double>(last(row).examples) / row.result->seconds : NAN; }

std::vector<Column> columns_of(const std::vector<TableRow>& rows, const DataFacts& data, Task task) {
  const double each = data.nonzeros_per_example();
  const bool numbers = task == Task::rating, ranks = !rows.front().name.node_mode.empty();
  std::vector<Column> columns{
      {ranks ? "mode/node mode" : "mode", [](const TableRow& r) { return mode_of(r.name); }, nullptr},
      {ranks ? "ranks x threads" : "threads", [](const TableRow& r) { return r.workers.empty() ? workers_of(r.name) : r.workers; }, nullptr},
      {"epochs", [](const TableRow& r) { return fmt::format("{}", last(r).epoch); }, nullptr},
      {"train loss", [](const TableRow& r) { return fixed(last(r).train_loss); }, [](const TableRow& r) { return last(r).train_loss; }}};
  if (last(rows.front()).test_loss) {
    columns.push_back({"test loss", [](const TableRow& r) { return fixed(*last(r).test_loss); }, [](const TableRow& r) { return *last(r).test_loss; }});
    columns.push_back({fmt::format("test {}", metric_name(task)), [](const TableRow& r) { return fixed(*last(r).test_metric); },
                       [numbers](const TableRow& r) { return numbers ? *last(r).test_metric : -*last(r).test_metric; }});
  }
  if (std::any_of(rows.begin(), rows.end(), [](const TableRow& r) { return r.auc.has_value(); }))
    columns.push_back({"test auc", [](const TableRow& r) { return fixed(r.auc.value_or(NAN)); }, [](const TableRow& r) { return -r.auc.value_or(NAN); }});
  columns.push_back({"seconds", [](const TableRow& r) { return duration(r.result->seconds); }, [](const TableRow& r) { return r.result->seconds; }});
  columns.push_back({data.ratings ? "ratings/s" : "examples/s", [](const TableRow& r) { return human(rate(r)); }, [](const TableRow& r) { return -rate(r); }});
  if (!data.ratings)
    columns.push_back({"nonzeros/s", [each](const TableRow& r) { return human(rate(r) * each); }, nullptr});
  const auto reached = [](const TableRow& r) { return r.result->target_seconds.value_or(NAN); };
  if (std::any_of(rows.begin(), rows.end(), [](const TableRow& r) { return r.result->target_seconds.has_value(); }))
    columns.push_back({"to target", [reached](const TableRow& r) { return std::isnan(reached(r)) ? "-" : duration(reached(r)); }, reached});
  for (std::size_t i = 0; i < rows.front().more.size(); ++i)
    columns.push_back({rows.front().more[i].heading, [i](const TableRow& r) { return r.more[i].text; }, nullptr});
  columns.push_back({"ended", [](const TableRow& r) { return std::string(name_of(kStoppeds, r.result->stopped)); }, nullptr});
  return columns;
}

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& columns) {
  std::string table;
  for (std::size_t line = 0; line < columns.front().size(); ++line) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = 0;
      for (const std::string& cell : columns[c]) width = std::max(width, cell.size() - (cell.ends_with('*') ? 1 : 0));
      std::string cell = columns[c][line];
      const bool starred = cell.ends_with('*');
      if (starred) cell.pop_back();
      table += c == 0 ? fmt::format("{:<{}}", cell, width) : fmt::format("  {:>{}}", cell, width);
      table += starred ? '*' : ' ';
    }
    table.erase(table.find_last_not_of(' ') + 1);
    table += '\n';
  }
  return table;
}

std::string table_of(const std::vector<TableRow>& rows, const DataFacts& data, Task task) {
  if (rows.empty()) return "";
  std::vector<std::vector<std::string>> cells;  // by column: heading, then a cell a row
  for (const Column& column : columns_of(rows, data, task)) {
    double best = INFINITY;
    if (column.rank && rows.size() > 1)
      for (const TableRow& row : rows)
        if (column.rank(row) < best) best = column.rank(row);
    auto& shown = cells.emplace_back(1, column.heading);
    for (const TableRow& row : rows)
      shown.push_back(column.show(row) + (column.rank && rows.size() > 1 && column.rank(row) == best ? "*" : ""));
  }
  return aligned(cells);
}

}  // namespace sounder::bench
