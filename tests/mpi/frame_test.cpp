// Payloads are shared, not copied.
#include <doctest/doctest.h>

#include "protocol/frame.hpp"

using namespace sounder::mpi;

TEST_SUITE("mpi") {
  TEST_CASE("a payload is the vector that it was made of") {
    std::vector<float> values{1, 2, 3};
    const float* const where = values.data();
    const Payload payload = Payload::of(std::move(values));
    CHECK(payload.size() == 12);
    CHECK(payload.as<float>().data() == where);
    const Payload copy = payload;
    CHECK(copy.as<float>().data() == where);
    CHECK(payload.as<double>().size() == 1);
  }
}
