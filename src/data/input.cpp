// A whole file in memory: mapped, or decompressed by zlib or liblzma.
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <lzma.h>
#include <zlib.h>

#include <sounder/error.hpp>

#include "text.hpp"

namespace sounder {
namespace {

constexpr std::size_t kLeastRoom = std::size_t{1} << 20;

struct Signature {
  std::string_view bytes, name;
};
constexpr std::string_view kGzip("\x1f\x8b", 2), kXz("\xfd"
                                                     "7zXZ\0",
                                                     6);
constexpr Signature kRefused[] = {
    {std::string_view("\x28\xb5\x2f\xfd", 4), "zstd"},
    {"BZh", "bzip2"},
    {std::string_view("PK\x03\x04", 4), "zip"},
};

struct Descriptor {
  int fd;
  explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd >= 0) return;
    const int error = errno;
    throw Error(fmt::format("cannot open {}: {}{}", path, std::strerror(error),
                            error == ENOENT   ? "; check the path"
                            : error == EACCES ? "; check who may read it"
                                              : ""));
  }
  ~Descriptor() { ::close(fd); }
};

/// Everything that a pipe gives.
std::string read_all(int fd, const std::string& path) {
  std::string result;
  for (std::size_t size = 0;;) {
    result.resize(size + std::max(size, kLeastRoom));
    const ssize_t got = ::read(fd, result.data() + size, result.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    size += static_cast<std::size_t>(got);
    if (got == 0) {
      result.resize(size);
      return result;
    }
  }
}

[[noreturn]] void damaged(const std::string& path, const char* format, bool truncated) {
  throw Error(
      fmt::format("{}: the {} data {}; get the file again", path, format, truncated ? "ends too early" : "is damaged"));
}

/// Grows `out` whenever `step(data, room)`, which returns how much it wrote, has filled it; ends when it says so.
template <class Step>
std::string collect(std::size_t guess, Step step) {
  std::string out;
  std::size_t size = 0;
  for (bool done = false; !done;) {
    if (size == out.size()) out.resize(std::max({kLeastRoom, guess, 2 * out.size()}));
    size += step(out.data() + size, out.size() - size, done);
  }
  out.resize(size);
  return out;
}

std::string gunzip(std::string_view in, const std::string& path) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const struct End {
    z_stream& stream;
    ~End() { inflateEnd(&stream); }
  } end{stream};
  std::size_t used = 0;
  return collect(4 * in.size(), [&](char* data, std::size_t room, bool& done) {
    constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
    const uInt given = static_cast<uInt>(std::min(in.size() - used, kMost));
    const uInt wanted = static_cast<uInt>(std::min(room, kMost));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data() + used));
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(data);
    stream.avail_out = wanted;
    const int status = inflate(&stream, Z_NO_FLUSH);
    used += given - stream.avail_in;
    const std::size_t wrote = wanted - stream.avail_out;
    if (status == Z_STREAM_END) {  // another member may follow; other bytes behind a member are padding, as for gzip
      done = in.substr(used, kGzip.size()) != kGzip;
      if (!done) inflateReset(&stream);
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      damaged(path, "gzip", false);
    } else if (used == in.size() && stream.avail_out > 0) {
      damaged(path, "gzip", true);
    }
    return wrote;
  });
}

std::string unxz(std::string_view in, const std::string& path) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) throw std::bad_alloc();
  const struct End {
    lzma_stream& stream;
    ~End() { lzma_end(&stream); }
  } end{stream};
  stream.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
  stream.avail_in = in.size();
  return collect(6 * in.size(), [&](char* data, std::size_t room, bool& done) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(data);
    stream.avail_out = room;
    const lzma_ret status = lzma_code(&stream, LZMA_FINISH);
    done = status == LZMA_STREAM_END;
    if (status == LZMA_MEM_ERROR) throw std::bad_alloc();
    if (status != LZMA_OK && !done) damaged(path, "xz", status == LZMA_BUF_ERROR);
    return room - stream.avail_out;
  });
}

}  // namespace

Text::Text(const std::string& path) : path_(path) {
  const Descriptor file(path);
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) throw Error(fmt::format("{} is a directory; give a file", path));
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (mapped == MAP_FAILED) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    mapped_ = mapped;
    mapped_bytes_ = size;
    view_ = {static_cast<const char*>(mapped_), mapped_bytes_};
  } else {
    held_ = read_all(file.fd, path);
    view_ = held_;
  }
  const auto starts = [&](std::string_view signature) { return view_.substr(0, signature.size()) == signature; };
  try {
    for (const Signature& refused : kRefused)
      if (starts(refused.bytes))
        throw Error(fmt::format("{} is a {} file; decompress it first, or use gzip or xz", path, refused.name));
    if (starts(kGzip) || starts(kXz)) {
      std::string plain = starts(kGzip) ? gunzip(view_, path) : unxz(view_, path);
      held_ = std::move(plain);
      view_ = held_;
    }
    if (view_.empty()) throw Error(fmt::format("{} is empty; give a file with examples", path));
  } catch (...) {
    if (mapped_) ::munmap(mapped_, mapped_bytes_);
    throw;
  }
  if (starts("\xef\xbb\xbf")) view_.remove_prefix(3);  // the byte order mark of some editors
}

Text::~Text() {
  if (mapped_) ::munmap(mapped_, mapped_bytes_);
}

}  // namespace sounder
