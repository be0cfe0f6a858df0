// Decimal text to float: exact arithmetic for short numbers, std::from_chars for the rest.
#include "number.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <system_error>

namespace sounder {
namespace {

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMostDigits = 19;  // as many as 64 bits always hold

/// What the characters say: 0.d1d2d3... * 10^magnitude, `digits` being the first kMostDigits of d1d2d3... .
struct Decimal {
  std::uint64_t digits = 0;
  int kept = 0;  // digits from the first that is not 0
  long magnitude = 0;
};

/// Scans an unsigned number; null if there is none.
const char* scan(const char* p, Decimal& decimal) {
  bool any = false, fraction = false;
  for (;; ++p) {
    if (*p == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (!is_digit(*p)) break;
    any = true;
    const bool leading = decimal.digits == 0 && *p == '0';
    if (!leading && decimal.kept < kMostDigits) {
      decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(*p - '0');
      ++decimal.kept;
    }
    if (leading ? fraction : !fraction) decimal.magnitude += leading ? -1 : 1;
  }
  if (!any) return nullptr;
  if (*p != 'e' && *p != 'E') return p;
  const char* q = p + 1;
  const bool negative = *q == '-';
  if (*q == '-' || *q == '+') ++q;
  if (!is_digit(*q)) return nullptr;
  long exponent = 0;
  for (; is_digit(*q); ++q)
    if (exponent < 100'000'000) exponent = exponent * 10 + (*q - '0');
  decimal.magnitude += negative ? -exponent : exponent;
  return q;
}

/// Whether rounding the double nearest to a decimal gives the float nearest to it: not if the double lies exactly
/// halfway between two floats, when the decimal may lie on either side. (Meant for numbers of normal floats' size.)
bool rounds_once(double number) {
  constexpr std::uint64_t kDropped = (std::uint64_t{1} << 29) - 1, kHalf = std::uint64_t{1} << 28;
  return (std::bit_cast<std::uint64_t>(number) & kDropped) != kHalf;
}

}  // namespace

const char* read_float(const char* p, float& value) {
  const bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  if (!is_digit(*p) && *p != '.') return nullptr;  // from_chars would take "inf", "nan" and a second sign
  Decimal decimal;
  const char* const end = scan(p, decimal);
  if (!end) return nullptr;

  // At most 2^53, so that no digit was left out. Digits and power of ten are both exact as doubles: their quotient
  // or product is rounded once (Clinger, 1990).
  const long exponent = decimal.magnitude - decimal.kept;
  if (decimal.digits == 0) {
    value = 0;
  } else if (const double digits = static_cast<double>(decimal.digits);
             decimal.digits <= (std::uint64_t{1} << 53) && exponent >= -22 && exponent <= 22 &&
             rounds_once(exponent < 0 ? digits / kPowersOfTen[-exponent] : digits * kPowersOfTen[exponent])) {
    value = static_cast<float>(exponent < 0 ? digits / kPowersOfTen[-exponent] : digits * kPowersOfTen[exponent]);
  } else if (std::from_chars(p, end, value).ec == std::errc::result_out_of_range) {
    if (decimal.magnitude > 0) return nullptr;  // too large; otherwise too small for a float
    value = 0;
  }
  if (!std::isfinite(value)) return nullptr;
  if (negative) value = -value;
  return end;
}

}  // namespace sounder
