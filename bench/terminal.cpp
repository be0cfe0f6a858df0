#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include <fmt/format.h>
#include <unistd.h>

#include <sounder/train/evaluate.hpp>

namespace sounder::bench {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.3g} s", seconds);
  return fmt::format("{:.0f} min", seconds / 60);
}

/// One column: a heading, how to show a row, and how to rank it (lower is better; NaN: not ranked).
struct Column {
  std::string heading;
  std::function<std::string(const TableRow&)> show;
  std::function<double(const TableRow&)> rank;
};

const Point& last(const TableRow& row) { return row.result->curve.back(); }

std::string fixed(double value) { return std::isfinite(value) ? fmt::format("{:.5f}", value) : "-"; }

double rate(const TableRow& row) { return row.result->seconds > 0 ? static_cast<double>(last(row).examples) / row.result->seconds : NAN; }

std::vector<Column> columns_of(const std::vector<TableRow>& rows, const Dataset& train, Task task) {
  const double each = static_cast<double>(train.nonzeros()) / static_cast<double>(train.size());
  const bool ratings = train.spaces() == 2, numbers = task == Task::rating;
  std::vector<Column> columns{
      {"mode", [](const TableRow& r) { return std::string(name_of(kModes, r.planned.mode)); }, nullptr},
      {"threads", [](const TableRow& r) { return r.workers.empty() ? fmt::format("{}", r.planned.threads) : r.workers; }, nullptr},
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
  columns.push_back({ratings ? "ratings/s" : "examples/s", [](const TableRow& r) { return human(rate(r)); }, [](const TableRow& r) { return -rate(r); }});
  if (!ratings)
    columns.push_back({"nonzeros/s", [each](const TableRow& r) { return human(rate(r) * each); }, nullptr});
  const auto reached = [](const TableRow& r) { return r.result->target_seconds.value_or(NAN); };
  if (std::any_of(rows.begin(), rows.end(), [](const TableRow& r) { return r.result->target_seconds.has_value(); }))
    columns.push_back({"to target", [reached](const TableRow& r) { return std::isnan(reached(r)) ? "-" : duration(reached(r)); }, reached});
  columns.push_back({"ended", [](const TableRow& r) { return std::string(name_of(kStoppeds, r.result->stopped)); }, nullptr});
  return columns;
}

}  // namespace

std::string bytes_text(std::size_t bytes) {
  return bytes < (1 << 20) ? fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024)
                           : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

std::string human(double count) {
  if (!std::isfinite(count)) return "-";
  if (count >= 1e9) return fmt::format("{:.2f} G", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.1f} M", count / 1e6);
  if (count >= 1e4) return fmt::format("{:.1f} k", count / 1e3);
  return fmt::format("{:.0f}", count);
}

LiveLine::LiveLine(std::string label, int epochs, bool quiet)
    : label_(std::move(label)), epochs_(epochs), enabled_(!quiet && isatty(STDERR_FILENO)) {
  if (enabled_) thread_ = std::thread([this] { show(); });
}

LiveLine::~LiveLine() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (enabled_) fmt::print(stderr, "\r\033[K");
}

void LiveLine::on_epoch(int epoch, const ChunkQueue& queue) {
  const std::lock_guard lock(mutex_);
  if (epoch == 0) began_ = now();
  epoch_ = epoch;
  queue_ = &queue;
}

void LiveLine::on_point(const Point& point) {
  const std::lock_guard lock(mutex_);
  loss_ = point.train_loss;
  queue_ = nullptr;
}

void LiveLine::on_end() {
  const std::lock_guard lock(mutex_);
  queue_ = nullptr;
}

void LiveLine::say(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  fmt::print(stderr, "{}bench_shm: {}\n", enabled_ ? "\r\033[K" : "", sentence);
}

void LiveLine::show() {
  constexpr auto kPeriod = std::chrono::milliseconds(200);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [&] { return ended_; })) draw();
}

void LiveLine::draw() const {
  if (!queue_) return;
  const double total = static_cast<double>(queue_->examples());
  const double done = total * epoch_ + static_cast<double>(queue_->taken());
  const double elapsed = now() - began_;
  const double left = done > 0 ? elapsed * (total * epochs_ / done - 1) : NAN;
  fmt::print(stderr, "\r\033[K{}  epoch {}/{}  loss {:.5f}  {} examples/s  {} left", label_, epoch_ + 1, epochs_, loss_,
             human(elapsed > 0 ? done / elapsed : NAN), std::isfinite(left) ? duration(left) : "?");
  std::fflush(stderr);
}

std::string table_of(const std::vector<TableRow>& rows, const Dataset& train, Task task) {
  if (rows.empty()) return "";
  std::vector<std::vector<std::string>> cells;  // by column: heading, then a cell a row
  for (const Column& column : columns_of(rows, train, task)) {
    double best = INFINITY;
    if (column.rank && rows.size() > 1)
      for (const TableRow& row : rows)
        if (column.rank(row) < best) best = column.rank(row);
    auto& shown = cells.emplace_back(1, column.heading);
    for (const TableRow& row : rows)
      shown.push_back(column.show(row) + (column.rank && rows.size() > 1 && column.rank(row) == best ? "*" : ""));
  }
  std::string table;
  for (std::size_t line = 0; line <= rows.size(); ++line) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      std::size_t width = 0;
      for (const std::string& cell : cells[c]) width = std::max(width, cell.size() - (cell.ends_with('*') ? 1 : 0));
      std::string cell = cells[c][line];
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

}  // namespace sounder::bench
