// How a payload is cut into messages of the MPI library.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>

#include "transport/mpi/message_size.hpp"

using namespace sounder::mpi;

TEST_SUITE("mpi") {
  TEST_CASE("the parts of a payload lie one behind the other; between machines short ones, but not too many") {
    for (const bool far : {false, true})
      for (const std::size_t bytes : {std::size_t{1}, kUnasked, kUnasked + 1, kUnasked * kMostParts, kUnasked * kMostParts + 1, std::size_t{3} << 30}) {
        CAPTURE(far);
        CAPTURE(bytes);
        std::size_t end = 0, parts = 0, longest = 0;
        bool gap = false;
        for_each_part(bytes, far, [&](std::size_t begin, int size) {
          gap = gap || begin != end || size <= 0;
          end = begin + static_cast<std::size_t>(size);
          longest = std::max(longest, static_cast<std::size_t>(size));
          ++parts;
        });
        CHECK_FALSE(gap);
        CHECK(end == bytes);
        CHECK(longest <= kPart);
        if (!far) CHECK(parts == (bytes + kPart - 1) / kPart);
        if (far) CHECK(parts <= kMostParts);
        if (far && bytes <= kUnasked * kMostParts) CHECK(longest <= kUnasked);
      }
  }
}
