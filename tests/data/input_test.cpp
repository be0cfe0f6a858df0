// Files: plain, gzip and xz, whole and damaged.
#include <filesystem>
#include <string>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "data/files.hpp"
#include "data/text.hpp"

using namespace sounder;
using namespace sounder::test;

namespace {

std::string text_of(std::string_view content) {
  const TempFile file(content);
  return std::string(Text(file.path()).view());
}

std::string error_of(std::string_view content) {
  return message_of([&] { (void)text_of(content); });
}

/// Long enough that buffers grow, and not compressible to nothing.
std::string long_text() {
  std::string text;
  for (unsigned i = 0; i < 150000; ++i) text += std::to_string(i * 2654435761u) + "\n";
  return text;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("plain, gzip and xz files give the same text") {
    const std::string text = long_text();
    CHECK(text_of(text) == text);
    CHECK(text_of(gzipped(text)) == text);
    CHECK(text_of(xzipped(text)) == text);
    CHECK(text_of(gzipped("short\n")) == "short\n");
    CHECK(text_of(xzipped("short\n")) == "short\n");
    CHECK(text_of(gzipped(std::string(50'000'000, 'a'))).size() == 50'000'000);  // 1000 times larger than the file
  }

  TEST_CASE("files of several members") {
    const std::string text = long_text();
    CHECK(text_of(gzipped("one\n") + gzipped("") + gzipped(text)) == "one\n" + text);
    CHECK(text_of(xzipped("one\n") + xzipped("") + xzipped(text)) == "one\n" + text);
    CHECK(text_of(gzipped("one\n") + std::string(512, '\0')) == "one\n");  // padding, as gzip takes it
  }

  TEST_CASE("a pipe can be read") {
    const TempFile place("");
    std::filesystem::remove(place.path());
    REQUIRE(::mkfifo(place.path().c_str(), 0600) == 0);
    const std::string text = long_text();
    std::thread writer([&] { std::ofstream(place.path()) << text; });
    const std::string got(Text(place.path()).view());
    writer.join();
    CHECK(got == text);
  }

  TEST_CASE("damaged and truncated files") {
    const std::string text = long_text();
    for (const bool xz : {false, true}) {
      const std::string packed = xz ? xzipped(text) : gzipped(text), format = xz ? "xz" : "gzip";
      for (const std::size_t size : {xz ? 6ul : 2ul, 12ul, packed.size() / 2, packed.size() - 1}) {
        CAPTURE(size);
        CHECK(
            contains(error_of(packed.substr(0, size)), ": the " + format + " data ends too early; get the file again"));
      }
      for (const std::size_t at : {packed.size() / 2, packed.size() - (xz ? 30 : 6)}) {
        std::string corrupt = packed;
        corrupt[at] = static_cast<char>(corrupt[at] ^ 0x55);
        CHECK(contains(error_of(corrupt), ": the " + format + " data is damaged; get the file again"));
      }
    }
  }

  TEST_CASE("files that cannot be read") {
    CHECK(contains(message_of([] { Text("/no/such/file"); }), "cannot open /no/such/file: No such file or directory"));
    const std::string folder = std::filesystem::temp_directory_path().string();
    CHECK(message_of([&] { (void)Text(folder); }) == folder + " is a directory; give a file");
    CHECK(contains(error_of(""), " is empty; give a file with examples"));
    CHECK(contains(error_of(gzipped("")), " is empty; give a file with examples"));
    CHECK(contains(error_of(std::string("\x28\xb5\x2f\xfd", 4) + "..."), " is a zstd file; decompress it first"));
    CHECK(contains(error_of("BZh91AY"), " is a bzip2 file"));
    CHECK(contains(error_of("PK\x03\x04"), " is a zip file"));
    const TempFile locked("1 1:1\n");
    std::filesystem::permissions(locked.path(), std::filesystem::perms::none);
    if (::geteuid() != 0)  // root may read everything
      CHECK(contains(message_of([&] { (void)Text(locked.path()); }), "Permission denied; check who may read it"));
  }
}
