// The words for formats in messages, one row each.
#include "formats.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

struct Words {
  Format format;
  std::string_view held, task, model;
};

constexpr Words kWords[] = {
    {Format::classification, "labelled examples", "classification", "logistic"},
    {Format::multiclass, "examples of several classes", "several classes", "softmax"},
    {Format::regression, "examples labelled with numbers", "regression", "squared"},
    {Format::cut, "the terminals and edges of a graph", "graph cuts", "cut"},
    {Format::ratings, "ratings", "ratings", "mf"},
};

bool readable(Format held, Format wanted) {
  if (held == wanted) return true;
  const bool classes = held == Format::classification || held == Format::multiclass;
  return classes && (wanted == Format::regression || (wanted == Format::multiclass && held == Format::classification));
}

}  // namespace

void refuse_other_format(std::string_view source, Format held, Format wanted) {
  if (readable(held, wanted)) return;
  const Words& words =
      *std::find_if(std::begin(kWords), std::end(kWords), [&](const Words& w) { return w.format == held; });
  throw Error(fmt::format("{} holds {}; use a model for {} (--model {})", source, words.held, words.task, words.model));
}

}  // namespace sounder
