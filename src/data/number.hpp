// Private to the readers: numbers from text whose lines all end in '\n'.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sounder {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Reads decimal digits at `p` into `id`. Returns their end, or null if there are none or the number is not an
/// id (0 ... 2^32 - 2; 2^32 - 1 stands for "absent").
inline const char* read_id(const char* p, std::uint32_t& id) {
  const char* const start = p;
  std::uint64_t number = 0;
  for (; is_digit(*p); ++p) number = number * 10 + static_cast<std::uint64_t>(*p - '0');
  id = static_cast<std::uint32_t>(number);
  // Ten digits cannot overflow 64 bits; more are an id only behind leading zeros, which nobody writes.
  return p == start || p - start > 10 || number >= 0xffffffffu ? nullptr : p;
}

/// Reads a decimal number at `p`, correctly rounded (as strtof in the C locale). Returns its end, or null where
/// there is no finite number.
const char* read_float(const char* p, float& value);

}  // namespace sounder
