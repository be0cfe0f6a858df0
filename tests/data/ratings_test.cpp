// The reader of ratings: every separator, headers, what is refused and where.
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sounder/data/random.hpp>

#include "data/files.hpp"
#include "data/text.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

using Ids = std::vector<std::uint32_t>;
using Floats = std::vector<float>;

Columns read(std::string_view text, std::size_t block_bytes = 32) {
  return read_ratings(Text(TempFile(text).path()), block_bytes);
}

std::string error_of(std::string_view text, std::size_t block_bytes) {
  const TempFile file(text);
  std::string message = message_of([&] { read_ratings(Text(file.path()), block_bytes); });
  if (const auto at = message.find(file.path()); at != std::string::npos)
    message.replace(at, file.path().size(), "FILE");
  return message;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("ratings: every separator, more columns, headers, comments") {
    for (const char* text : {
             "1\t10\t3.5\n2\t20\t-4\n",
             "1,10,3.5\n2,20,-4",
             "1::10::3.5::978300760\n2::20::-4::978300761\n",
             "1 10 3.5\n2   20 -4  \n",
             " 1 10\t3.5\n2 20 -4 881250949\n",
             "1, 10, 3.5\r\n2,20 ,-4\r\n",
             "userId,movieId,rating,timestamp\n1,10,3.5,1260759144\n2,20,-4,1260759179\n",
             "user\titem\trating\n1\t10\t3.5\textra text\n2\t20\t-4\n",
             "\xef\xbb\xbf"
             "user item rating\n\n# comment\n1 10 3.5\n\n#\n2 20 -4\n",
             "# first\nuser::item::rating\n1::10::3.5\n2::20::-4\n",
         })
      for (const std::size_t block_bytes : {1u, 20u, 1000u}) {
        CAPTURE(text);
        const Columns columns = read(text, block_bytes);
        CHECK(columns.ids == Ids{1, 10, 2, 20});
        CHECK(columns.labels == Floats{3.5f, -4});
        CHECK(columns.width == 2);
        CHECK(columns.spaces == 2);
        CHECK(columns.offsets.empty());
        CHECK(columns.values.empty());
      }
  }

  TEST_CASE("ratings: many blocks agree with what was written") {
    Random random(1);
    std::string text;
    Ids ids;
    Floats labels;
    for (int i = 0; i < 5000; ++i) {
      if (random.below(50) == 0) text += random.below(2) ? "\n" : "# 1,2,3\n";
      ids.push_back(static_cast<std::uint32_t>(random.below(100000)));
      ids.push_back(static_cast<std::uint32_t>(random.below(0xffffffff)));
      labels.push_back(static_cast<float>(random.below(10)) / 2);
      text += fmt::format("{},{},{}\n", ids[ids.size() - 2], ids.back(), labels.back());
    }
    for (const std::size_t block_bytes : {30u, 1000u, 1u << 20}) {
      const Columns columns = read(text, block_bytes);
      CHECK(columns.ids == ids);
      CHECK(columns.labels == labels);
    }
    CHECK(read(xzipped(text), 1000).ids == ids);
  }

  TEST_CASE("ratings: what is refused, and at which line") {
    const struct {
      const char* text;
      const char* message;
    } cases[] = {
        {"1\t2\t3\n1\t2\n",
         "FILE:2: no rating behind \"1\"; each line needs user, item and rating, here separated by tabs"},
        {"1,2,3\n4\n", "FILE:2: no item behind \"4\"; each line needs user, item and rating, here separated by commas"},
        {"1,2,3\n4 5 6\n", "FILE:2: no item behind \"4\""},
        {"1 2 3\n4 5 \n", "FILE:2: no rating"},
        {"1 2 3\n4,5,6\n", "FILE:2: user \"4,5,6\""},
        {"1\t\t3\t9\n", "FILE:1: item \"\" is not a whole number"},
        {"1\t2\t\t9\n", "FILE:1: rating \"\" is not a finite number"},
        {"1,2,3\n-4,5,6\n", "FILE:2: user \"-4\" is not a whole number from 0 to 4294967294"},
        {"1,2,3\n4,5.5,6\n", "FILE:2: item \"5.5\""},
        {"1,2,3\n4,4294967295,6\n", "FILE:2: item \"4294967295\" is not a whole number from 0 to 4294967294"},
        {"1,1099511627776,6\n", "FILE:1: item \"1099511627776\""},
        {"1,2,nan\n", "FILE:1: rating \"nan\" is not a finite number"},
        {"1,2,inf\n", "FILE:1: rating \"inf\""},
        {"1,2,five\n", "FILE:1: rating \"five\""},
        {"1,2,3x\n", "FILE:1: rating \"3x\""},
        {"1,2,1e50\n", "FILE:1: rating \"1e50\""},
        {"user,item,rating\nuser,item,rating\n1,2,3\n", "FILE:2: user \"user\""},
        {"# c\nuser,item,rating\n\n1,2,3\n1,2,x\n", "FILE:5: rating \"x\""},
        {"", "FILE is empty"},
        {"# only\n\n", "FILE: no ratings"},
        {"user,item,rating\n", "FILE: no ratings"},
        {"+1 1:0.5 2:1\n", "if this is libsvm text, use a model for classification (--model logistic)"},
        {"1 1:0.5 2:1\n", "if this is libsvm text, use a model for classification (--model logistic)"},
        {"-1 3:1\n", "FILE:1: "},
    };
    for (const auto& bad : cases)
      for (const std::size_t block_bytes : {1u, 1000u}) {
        CAPTURE(bad.text);
        const std::string message = error_of(bad.text, block_bytes);
        CHECK_MESSAGE(contains(message, bad.message), message);
        CHECK(message.find('\n') == std::string::npos);
      }
  }
}
