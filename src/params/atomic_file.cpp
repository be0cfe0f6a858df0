#include "params/atomic_file.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <sounder/error.hpp>

namespace sounder {

namespace {

constexpr std::string_view kEnding = ".tmp";  ///< of temporary files: TARGET.PID.tmp

[[noreturn]] void fail(const std::string& path) {
  throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

/// Writes, syncs and closes; on failure closes and reports false with errno set.
bool write_all(int file, std::string_view content, bool sync) {
  bool good = true;
  while (good && !content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
    good = written >= 0 || errno == EINTR;
  }
  if (good && sync) good = fsync(file) == 0;
  const int reason = errno;
  if (close(file) != 0 && good) return false;
  errno = reason;
  return good;
}

/// Temporary files of `target` whose writers were killed: each is as large as a model.
void remove_abandoned(const std::string& target) {
  namespace fs = std::filesystem;
  const fs::path path(target);
  const std::string begin = path.filename().string() + ".";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path.has_parent_path() ? path.parent_path() : ".", error)) {
    const std::string name = entry.path().filename().string();
    pid_t writer = 0;
    if (!name.starts_with(begin) || !name.ends_with(kEnding) || name.size() <= begin.size() + kEnding.size()) continue;
    const char* const end = name.data() + name.size() - kEnding.size();
    const auto parsed = std::from_chars(name.data() + begin.size(), end, writer);
    if (parsed.ptr == end && parsed.ec == std::errc{} && writer > 0 && kill(writer, 0) != 0 && errno == ESRCH)
      fs::remove(entry.path(), error);
  }
}

/// A rename lasts when its folder is on the disk; on file systems that cannot sync a folder it lasts as it can.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int file = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

/// Where a chain of symbolic links leads, also if nothing is there yet.
std::string end_of_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as in the kernel: more is a loop
  std::filesystem::path target = path;
  std::error_code error;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(target, error); ++i)
    target = target.parent_path() / std::filesystem::read_symlink(target, error);
  return target.string();
}

}  // namespace

void write_atomically(const std::string& path, std::string_view content) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  // A device or a pipe is written in place (never replaced); a link's target is replaced, not the link.
  const bool in_place = fs::exists(path, ignored) && !fs::is_regular_file(path, ignored);
  const std::string target = end_of_links(path);
  const std::string name = in_place ? path : fmt::format("{}.{}{}", target, getpid(), kEnding);
  if (!in_place) remove_abandoned(target);
  const int file = open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (in_place ? 0 : O_TRUNC), 0644);
  if (file < 0) fail(path);
  if (!write_all(file, content, !in_place) || (!in_place && std::rename(name.c_str(), target.c_str()) != 0)) {
    const int reason = errno;
    if (!in_place) unlink(name.c_str());
    errno = reason;
    fail(path);
  }
  if (!in_place) sync_folder_of(target);
}

}  // namespace sounder
