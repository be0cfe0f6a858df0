#include <sounder/params/memory.hpp>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sounder/error.hpp>

namespace sounder {
namespace {

[[noreturn]] void fail(std::size_t bytes) {
  throw Error(fmt::format("no memory for {} MiB of parameters ({}): use fewer features or factors", bytes >> 20,
                          std::strerror(errno)));
}

}  // namespace

Memory::Memory(std::size_t floats, MemoryKind kind) : floats_(floats) {
  if (floats == 0) return;
  const std::size_t bytes = floats * sizeof(float);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (kind == MemoryKind::shareable) {
    file_ = memfd_create("sounder-parameters", MFD_CLOEXEC);
    flags = MAP_SHARED;
    if (file_ < 0) fail(bytes);
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
      close(file_);
      fail(bytes);
    }
  }
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file_, 0);
  if (address == MAP_FAILED) {
    if (file_ >= 0) close(file_);
    fail(bytes);
  }
  if (kind == MemoryKind::heap) madvise(address, bytes, MADV_HUGEPAGE);  // advice only: 4 KiB pages work too
  data_ = static_cast<float*>(address);
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      floats_(std::exchange(other.floats_, 0)),
      file_(std::exchange(other.file_, -1)),
      given_(std::move(other.given_)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(floats_, other.floats_);
  std::swap(file_, other.file_);
  std::swap(given_, other.given_);
  return *this;
}

Memory::~Memory() {
  if (data_ && !given_) munmap(data_, floats_ * sizeof(float));
  if (file_ >= 0) close(file_);
}

}  // namespace sounder
