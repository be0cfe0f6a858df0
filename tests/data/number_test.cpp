// Numbers from text: every float equals that of strtof, every id is in range.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/random.hpp>

#include "data/number.hpp"

namespace {

/// What read_float makes of the text, as bits; all ones where it refuses.
std::uint32_t bits_of(std::string text) {
  text += '\n';
  float value = 0;
  const char* const end = sounder::read_float(text.data(), value);
  return end == text.data() + text.size() - 1 ? std::bit_cast<std::uint32_t>(value) : ~0u;
}

void same_as_strtof(const std::string& text) {
  const float expected = std::strtof(text.c_str(), nullptr);
  const std::uint32_t bits = std::isfinite(expected) ? std::bit_cast<std::uint32_t>(expected) : ~0u;
  if (bits_of(text) != bits) CHECK_MESSAGE(bits_of(text) == bits, text);  // a passed CHECK takes 20 us
}

std::string digits(sounder::Random& random, std::uint64_t most) {
  std::string text;
  for (std::uint64_t left = 1 + random.below(most); left > 0; --left) text += static_cast<char>('0' + random.below(10));
  return text;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("floats are rounded correctly: chosen decimals") {
    for (const char* text : {"0",
                             "-0",
                             "+0",
                             "1",
                             "9",
                             "10",
                             "-1",
                             "+1",
                             "1.",
                             ".5",
                             "-.5",
                             "0.1",
                             "1e5",
                             "1E+05",
                             "1e-5",
                             "00012.500",
                             "16777216",
                             "16777217",
                             "16777218",
                             "16777219",
                             "16777217.0000001",
                             "16777217.00000000000000000000000000001",
                             "33554433",
                             "33554435",
                             "1.00000005960464477539",
                             "1.000000059604644775390625",
                             "1.0000000596046447753906250000000000000000000000000001",
                             "1.00000005960464477539062499999999999999",
                             "3.4028234e38",
                             "3.4028235e38",
                             "3.4028235677973366e38",
                             "3.4028235677973367e38",
                             "1e39",
                             "1e999",
                             "-1e999",
                             "1e99999999999999999999",
                             "1e-99999999999999999999",
                             "1.17549435e-38",
                             "1.1754942e-38",
                             "1e-45",
                             "7e-46",
                             "7.006492321624085e-46",
                             "7.0064923216240854e-46",
                             "1e-60",
                             "1e-999",
                             "0e999",
                             "0.0000000000000000000000000",
                             "0.00000000000000000000000000000000000000000000000000000000000001",
                             "123456789012345678901234567890",
                             "9007199254740993",
                             "9007199254740992",
                             "18446744073709551615",
                             "18446744073709551616",
                             "8.5899345920000001e9",
                             "1000000000000000000000000000000000000000000000000000000000000e-40",
                             "0.00000000000000000000000000000000000000000000000000000000001e60"})
      same_as_strtof(text);
  }

  TEST_CASE("floats are rounded correctly: random decimals") {
    sounder::Random random(11);
    for (int i = 0; i < 200000; ++i) {
      std::string text = random.below(3) == 0 ? "-" : "";
      const std::uint64_t shape = random.below(6);
      text += digits(random, shape < 3 ? 3 : 25);
      if (shape % 2 == 0) text.append(1, '.').append(digits(random, shape < 3 ? 8 : 25));
      if (shape == 4) text += fmt::format("e{}", static_cast<int>(random.below(120)) - 60);
      same_as_strtof(text);
    }
  }

  TEST_CASE("floats are rounded correctly: at and beside the midpoints of neighbours") {
    sounder::Random random(12);
    for (int i = 0; i < 20000; ++i) {
      const float a = std::bit_cast<float>(static_cast<std::uint32_t>(random.below(0x7f7fffff)));
      const double middle = (static_cast<double>(a) + static_cast<double>(std::nextafter(a, INFINITY))) / 2;
      std::string exact = fmt::format("{:.200e}", middle);
      same_as_strtof(exact);
      for (const int precision : {8, 14, 15, 16, 17, 25}) same_as_strtof(fmt::format("{:.{}e}", middle, precision));
      exact.insert(exact.find('e'), 1, '1');  // a trifle above
      same_as_strtof(exact);
    }
    for (std::uint32_t whole = 16777210; whole < 16777300; ++whole)
      for (const char* fraction : {"", ".0", ".00000001", ".49999999999", ".5", ".99999999999999999"})
        same_as_strtof(std::to_string(whole) + fraction);
  }

  TEST_CASE("what is no finite number is refused") {
    for (const char* text : {"",    "-",    "+",        ".",   "-.",  "e5",   "1e",    "1e+", "1e-", "nan", "NaN",
                             "inf", "-inf", "infinity", "--1", "+-1", "0x10", "1.2.3", "1,5", "abc", "1a"})
      CHECK_MESSAGE(bits_of(text) == ~0u, text);
  }

  TEST_CASE("ids go from 0 to 2^32 - 2") {
    const auto read = [](const std::string& text) {
      std::uint32_t id = 0;
      return sounder::read_id((text + "\n").c_str(), id) ? std::int64_t{id} : -1;
    };
    CHECK(read("0") == 0);
    CHECK(read("007") == 7);
    CHECK(read("4294967294") == 4294967294);
    for (const char* text : {"4294967295", "4294967296", "1099511627776", "18446744073709551617",
                             "99999999999999999999", "", "-1", "+1", "a"})
      CHECK_MESSAGE(read(text) == -1, text);
  }
}
