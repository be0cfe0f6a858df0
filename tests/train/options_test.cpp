// Options: each bad field is named as its flag; schedules.
#include <cmath>

#include <doctest/doctest.h>

#include <sounder/error.hpp>

#include "support.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

constexpr double kInfinite = HUGE_VAL;

/// The message of the Error that these options give; "" if they are good.
std::string complaint(void (*spoil)(Options&)) {
  Options options;
  spoil(options);
  try {
    options.validate();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool names(const std::string& message, const std::string& flag) {
  return message.starts_with(flag + " ") && message.find(": give ") != std::string::npos;
}

}  // namespace

TEST_SUITE("train") {
  TEST_CASE("options: the defaults are good, and so are the ends of every range") {
    CHECK(complaint([](Options&) {}) == "");
    CHECK(complaint([](Options& o) { o.threads = 1, o.epochs = 0, o.step = 0; }) == "");
    CHECK(complaint([](Options& o) { o.threads = 4096, o.decay = 1, o.flush = 1; }) == "");
    CHECK(complaint([](Options& o) { o.flush = 4096, o.hot_rows = 0, o.target_loss = -1; }) == "");
    CHECK(complaint([](Options& o) { o.schedule = ScheduleName::inverse, o.decay = 7; }) == "");
  }

  TEST_CASE("options: every bad field is named as its flag, with the mend") {
    CHECK(names(complaint([](Options& o) { o.threads = 0; }), "--threads"));
    CHECK(names(complaint([](Options& o) { o.threads = -3; }), "--threads"));
    CHECK(names(complaint([](Options& o) { o.threads = 4097; }), "--threads"));
    CHECK(names(complaint([](Options& o) { o.epochs = -1; }), "--epochs"));
    CHECK(names(complaint([](Options& o) { o.step = -0.1; }), "--step"));
    CHECK(names(complaint([](Options& o) { o.step = std::nan(""); }), "--step"));
    CHECK(names(complaint([](Options& o) { o.step = kInfinite; }), "--step"));
    CHECK(names(complaint([](Options& o) { o.decay = 0; }), "--decay"));
    CHECK(names(complaint([](Options& o) { o.decay = -1; }), "--decay"));
    CHECK(names(complaint([](Options& o) { o.decay = std::nan(""); }), "--decay"));
    CHECK(names(complaint([](Options& o) { o.decay = 1.5; }), "--decay"));  // grows under the default schedule
    CHECK(names(complaint([](Options& o) { o.schedule = ScheduleName::inverse, o.decay = kInfinite; }), "--decay"));
    CHECK(names(complaint([](Options& o) { o.flush = 0; }), "--flush"));
    CHECK(names(complaint([](Options& o) { o.flush = 4097; }), "--flush"));
    CHECK(names(complaint([](Options& o) { o.target_loss = std::nan(""); }), "--target-loss"));
    CHECK(names(complaint([](Options& o) { o.target_loss = -kInfinite; }), "--target-loss"));
  }

  TEST_CASE("options: schedule backoff") {
    CHECK(complaint([](Options& o) { o.schedule = ScheduleName::backoff, o.decay = 1, o.phase = 1; }) == "");
    CHECK(names(complaint([](Options& o) { o.schedule = ScheduleName::backoff, o.decay = 1.1; }), "--decay"));
    CHECK(names(complaint([](Options& o) { o.phase = 0; }), "--phase"));
    CHECK(names(complaint([](Options& o) { o.phase = 1'000'001; }), "--phase"));
  }

  TEST_CASE("options: fit and make_backend refuse what validate refuses") {
    const Dataset data = examples_of({{0}, {1}}, {1, -1});
    const Kernel kernel = builtin_kernel({}, data);
    Options bad = options_for(Mode::hogwild, 1);
    const auto backend = shm::make_backend(bad);
    bad.epochs = -1;
    CHECK_THROWS_AS(fit({.kernel = kernel, .train = data}, bad, *backend), Error);
    CHECK_THROWS_AS(shm::make_backend(bad), Error);
  }

  TEST_CASE("schedules: constant, exponential, inverse") {
    Options options;
    options.step = 0.5;
    options.decay = 0.8;
    options.schedule = ScheduleName::constant;
    for (const int epoch : {0, 1, 100}) CHECK(options.step_at(epoch, 9) == 0.5);
    options.schedule = ScheduleName::exponential;
    CHECK(options.step_at(0, 9) == 0.5);
    CHECK(options.step_at(1, 9) == doctest::Approx(0.4));
    CHECK(options.step_at(3, 9) == doctest::Approx(0.256));
    options.schedule = ScheduleName::inverse;
    CHECK(options.step_at(0, 9) == 0.5);
    CHECK(options.step_at(5, 9) == doctest::Approx(0.1));
    for (const auto& schedule : kSchedules) {
      options.schedule = schedule.value;
      options.step = 0;  // the model's default
      CHECK(options.step_at(0, 9) == 9);
      for (int epoch = 0; epoch < 50; ++epoch) CHECK(options.step_at(epoch + 1, 9) <= options.step_at(epoch, 9));
    }
  }
}
