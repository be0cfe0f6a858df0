// Graph cut: a label for every vertex, against terminals that ask for labels and edges that ask for equal ones.
#pragma once

#include <algorithm>
#include <cstdint>

#include <sounder/model/model.hpp>

namespace sounder {

/// The data are those of Format::cut: an example of one id is a terminal (value: strength, label), one of two ids an edge
/// (both values: weight). The linear relaxation of the least cut (Niu et al. 2011, section 2): each vertex is a point
/// of a convex set, to which it is projected after each step. Objective: mean loss. predict() gives a terminal the label
/// of its vertex, and an edge 0 if its ends have one label, else 1, so that the accuracy is the share of the terminals
/// and edges that got their way.
namespace cut {
inline constexpr int kMostLabels = 2048;
/// 1 + the highest label, at least 2. Throws Error on examples that are neither terminals nor edges.
int labels_of(const Dataset& data);
/// Each vertex in the middle of its set: 1/2 in the box, 1/labels on the simplex.
void initialize(Parameters& parameters, int labels);
/// 0.25 / (mean strength or weight): an example moves its vertices by a quarter of their range.
double default_step(const Dataset& data);
/// The nearest point with x >= 0 and sum 1, by discarding what falls below the common shift until nothing does
/// (Michelot 1986): the point of Duchi et al. 2008, without their sort. In place; n > 0.
void project_to_simplex(float* x, int n);
}  // namespace cut

/// Two labels: one float a vertex, x in [0, 1], how much it wants label 1. Terminal: strength |x - label|; edge:
/// weight |x_u - x_v|. The least value is that of the least cut: the relaxation is tight.
///
/// What is read may be outside of the box, where workers' movements are merged or added: it is read as its projection.
struct BoxCut {
  static constexpr Table<1, 0> vertices{};
  static constexpr Task kTask = Task::multiclass;
  static constexpr const char* kName = "cut";

  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .space = 0}}; }
  void initialize(Parameters& parameters, const Dataset&, std::uint64_t) const { cut::initialize(parameters, 2); }

  template <class V>
  SOUNDER_INLINE void step(V& view, const Example& x) const {
    const float force = x.values[0];
    if (x.size == 1) return move(view, x.ids[0], x.label > 0 ? -force : force);
    const float difference = inside(view, x.ids[0]) - inside(view, x.ids[1]);
    if (difference == 0) return;
    move(view, x.ids[0], difference > 0 ? force : -force);
    move(view, x.ids[1], difference > 0 ? -force : force);
  }
  template <class V>
  SOUNDER_INLINE double loss(V& view, const Example& x) const {
    const double first = static_cast<double>(inside(view, x.ids[0]));
    const double other = static_cast<double>(x.size == 1 ? x.label : inside(view, x.ids[1]));
    return static_cast<double>(x.values[0]) * std::abs(first - other);
  }
  template <class V>
  SOUNDER_INLINE double predict(V& view, const Example& x) const {
    const bool first = inside(view, x.ids[0]) > 0.5f;
    return x.size == 1 ? first : first != (inside(view, x.ids[1]) > 0.5f);
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
  double default_step(const Dataset& data) const { return cut::default_step(data); }

 private:
  template <class V>
  static SOUNDER_INLINE float inside(V& view, std::uint32_t row) {
    return std::clamp(view.read(vertices, row), 0.f, 1.f);
  }
  template <class V>
  static SOUNDER_INLINE void move(V& view, std::uint32_t row, float gradient) {
    view.descend(vertices, row, inside(view, row), 0.f, gradient);
    const float moved = view.read(vertices, row), projected = std::clamp(moved, 0.f, 1.f);
    if (projected != moved) view.add(vertices, row, projected - moved);
  }
};

/// Any number of labels: a row of floats a vertex, on the simplex. Terminal: strength (1 - x[label]); edge: weight / 2
/// times the L1 distance of the ends. With two labels these are the losses of BoxCut; a step, which moves the two
/// labels by half of the gradient each, is half of BoxCut's.
///
/// Rows outside of the simplex are read as their projections, as in BoxCut.
struct SimplexCut {
  static constexpr WideTable<0> of_width(int width) { return {width}; }
  static constexpr Task kTask = Task::multiclass;
  static constexpr const char* kName = "cut";

  int labels = 2;

  int width() const { return (labels + 15) / 16 * 16; }
  Layout layout(const Dataset& data) const { return Layout{{.rows = data.features(), .width = width(), .space = 0}}; }
  void initialize(Parameters& parameters, const Dataset&, std::uint64_t) const { cut::initialize(parameters, labels); }

  template <class V>
  void step(V& view, const Example& x) const {
    Vertex first, other;
    Floats toward{};
    read(view, x.ids[0], first);
    if (x.size == 1) {
      toward[static_cast<std::size_t>(x.label)] = -1;
      return move(view, x.ids[0], first, x.values[0], toward);
    }
    read(view, x.ids[1], other);
    for (int k = 0; k < labels; ++k)
      toward[k] = static_cast<float>((first.at[k] > other.at[k]) - (first.at[k] < other.at[k]));
    move(view, x.ids[0], first, x.values[0] / 2, toward);
    move(view, x.ids[1], other, -x.values[0] / 2, toward);
  }
  template <class V>
  double loss(V& view, const Example& x) const {
    Vertex first, other;
    read(view, x.ids[0], first);
    const double force = static_cast<double>(x.values[0]);
    if (x.size == 1) return force * (1 - static_cast<double>(first.at[static_cast<std::size_t>(x.label)]));
    read(view, x.ids[1], other);
    double distance = 0;
    for (int k = 0; k < labels; ++k) distance += std::abs(static_cast<double>(first.at[k]) - static_cast<double>(other.at[k]));
    return force / 2 * distance;
  }
  template <class V>
  double predict(V& view, const Example& x) const {
    const auto label = [&](std::uint32_t row) {
      Vertex vertex;
      read(view, row, vertex);
      return std::max_element(vertex.at, vertex.at + labels) - vertex.at;
    };
    const auto first = label(x.ids[0]);
    return static_cast<double>(x.size == 1 ? first : first != label(x.ids[1]));
  }
  template <class F>
  SOUNDER_INLINE void touches(const Example& x, F f) const {
    for (std::uint32_t j = 0; j < x.size; ++j) f(0, x.ids[j]);
  }
  double default_step(const Dataset& data) const { return 2 * cut::default_step(data); }

 private:
  using Floats = float[cut::kMostLabels];
  struct Vertex {
    alignas(64) Floats at;
  };

  template <class V>
  void read(V& view, std::uint32_t row, Vertex& vertex) const {
    view.read(of_width(width()), row, vertex.at);
    cut::project_to_simplex(vertex.at, labels);
  }
  template <class V>
  void move(V& view, std::uint32_t row, const Vertex& from, float scale, const Floats& toward) const {
    view.descend(of_width(width()), row, from.at, 0.f, scale, toward);
    Vertex moved, projected;
    view.read(of_width(width()), row, moved.at);
    projected = moved;
    cut::project_to_simplex(projected.at, labels);
    for (int k = 0; k < width(); ++k) projected.at[k] -= moved.at[k];
    view.add(of_width(width()), row, projected.at);
  }
};

}  // namespace sounder
