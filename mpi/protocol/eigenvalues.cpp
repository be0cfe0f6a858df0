#include "protocol/eigenvalues.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sounder::mpi {
namespace {

struct Tridiagonal {
  std::vector<double> diagonal, beside;  ///< beside[i]: between i and i + 1
};

Tridiagonal reduce(std::vector<double>& a, std::size_t n) {
  Tridiagonal t;
  std::vector<double> v(n), p(n);
  for (std::size_t k = 0; k < n; ++k) {
    t.diagonal.push_back(a[k * n + k]);
    if (k + 1 == n) break;
    const double* const x = &a[k * n];
    double tail = 0;
    for (std::size_t i = k + 2; i < n; ++i) tail += x[i] * x[i];
    const double first = x[k + 1];
    if (tail == 0) {
      t.beside.push_back(first);
      continue;
    }
    // The reflection I - scale v v^T turns x into (-copysign(norm, first), 0, ..., 0).
    const double norm = std::sqrt(first * first + tail);
    t.beside.push_back(-std::copysign(norm, first));
    v[k + 1] = first + std::copysign(norm, first);
    std::copy(x + k + 2, x + n, v.begin() + static_cast<std::ptrdiff_t>(k) + 2);
    const double scale = 2 / (v[k + 1] * v[k + 1] + tail);
    double along = 0;
    for (std::size_t i = k + 1; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = k + 1; j < n; ++j) sum += a[i * n + j] * v[j];
      p[i] = scale * sum;
      along += p[i] * v[i];
    }
    for (std::size_t i = k + 1; i < n; ++i) p[i] -= scale / 2 * along * v[i];
    for (std::size_t i = k + 1; i < n; ++i)
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
  }
  return t;
}

/// Eigenvalues below x: the negative pivots of t - x.
std::size_t below(const Tridiagonal& t, double x, double tiny) {
  std::size_t count = 0;
  double pivot = 1;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {
    pivot = t.diagonal[i] - x - (i ? t.beside[i - 1] * t.beside[i - 1] / pivot : 0);
    if (std::abs(pivot) < tiny) pivot = -tiny;
    count += pivot < 0;
  }
  return count;
}

}  // namespace

std::vector<double> symmetric_eigenvalues(std::vector<double> matrix, std::size_t n) {
  const Tridiagonal t = reduce(matrix, n);
  double reach = 0;  // all lie within it (Gershgorin)
  for (std::size_t i = 0; i < n; ++i)
    reach = std::max(reach, std::abs(t.diagonal[i]) + (i ? std::abs(t.beside[i - 1]) : 0) + (i + 1 < n ? std::abs(t.beside[i]) : 0));
  const double width = 2 * std::numeric_limits<double>::epsilon() * reach;
  const double tiny = std::max(width * width, std::numeric_limits<double>::min());
  std::vector<double> values(n);
  for (std::size_t k = 0; k < n; ++k) {
    double low = k ? values[k - 1] - width : -reach - width, high = reach + width;
    while (high - low > width) {
      const double middle = low + (high - low) / 2;
      if (middle <= low || middle >= high) break;
      (below(t, middle, tiny) > k ? high : low) = middle;
    }
    values[k] = low + (high - low) / 2;
  }
  return values;
}

}  // namespace sounder::mpi
