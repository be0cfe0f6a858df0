#include <sounder/mpi/trace.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder::mpi {
namespace {

constexpr std::array<std::string_view, 7> kNames{"compute", "pad", "exchange", "wait", "evaluate", "send", "receive"};

bool of_communication(SpanKind kind) { return kind == SpanKind::send || kind == SpanKind::receive; }

}  // namespace

void write_trace(const std::string& path, const std::vector<RankTrace>& ranks) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), [](std::FILE* f) { return f ? std::fclose(f) : 0; });
  if (!file) throw Error(fmt::format("{} cannot be written: give --trace a file in a folder that is there", path));
  double first = std::numeric_limits<double>::infinity();
  for (const RankTrace& rank : ranks)
    for (const TraceSpan& span : rank.spans) first = std::min(first, span.begin);
  fmt::print(file.get(), "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (rank > 0) fmt::print(file.get(), ",\n");
    fmt::print(file.get(), R"({{"ph":"M","name":"process_name","pid":{},"tid":0,"args":{{"name":"rank {}","left_out":{}}}}})", rank, rank, ranks[rank].left_out);
    for (const int thread : {0, 1})
      fmt::print(file.get(), ",\n" R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":"{}"}}}})", rank, thread, thread == 0 ? "trains" : "communicates");
    for (const TraceSpan& span : ranks[rank].spans) {
      fmt::print(file.get(), ",\n" R"({{"ph":"X","name":"{}","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f})", kNames[static_cast<std::size_t>(span.kind)], rank,
                 of_communication(span.kind) ? 1 : 0, 1e6 * (span.begin - first), 1e6 * span.seconds);
      if (span.rank >= 0) fmt::print(file.get(), R"(,"args":{{"rank":{}}})", span.rank);
      fmt::print(file.get(), "}}");
    }
  }
  fmt::print(file.get(), "\n]}}\n");
  if (std::fflush(file.get()) != 0) throw Error(fmt::format("{} cannot be written to its end: make room", path));
}

}  // namespace sounder::mpi
