#include "params/fields.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <xxhash.h>

#include <sounder/error.hpp>

#include "params/atomic_file.hpp"

namespace sounder {

void write_fields(const FileKind& kind, FieldWriter& fields, const std::string& path) {
  std::string& out = fields.out();
  out.insert(0, kind.magic);
  fields.number(XXH64(out.data(), out.size(), 0));
  write_atomically(path, out);
}

FileFields read_fields(const FileKind& kind, const std::string& path) {
  if (std::filesystem::is_directory(path))
    throw Error(fmt::format("the {} {} is a directory: give a file that {} wrote", kind.noun, path, kind.flag));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot open the {} {}: {}", kind.noun, path, std::strerror(errno)));
  std::string content;
  for (char block[1 << 16]; file.read(block, sizeof block), file.gcount() > 0;)
    content.append(block, static_cast<std::size_t>(file.gcount()));
  if (!content.starts_with(kind.magic) || content.size() < kind.magic.size() + sizeof(std::uint64_t))
    throw Error(fmt::format("{} is not a Sounder {}: give a file that {} wrote", path, kind.noun, kind.flag));
  const std::string_view body = std::string_view(content).substr(0, content.size() - sizeof(std::uint64_t));
  const bool intact =
      FieldReader(std::string_view(content).substr(body.size())).number() == XXH64(body.data(), body.size(), 0);
  content.resize(body.size());
  content.erase(0, kind.magic.size());
  return {.content = std::move(content), .intact = intact};
}

std::string damaged(const FileKind& kind, const std::string& path) {
  return fmt::format(
      "the {} {} is cut short or altered (its checksum does not match): give an older one, or train again", kind.noun,
      path);
}

}  // namespace sounder
