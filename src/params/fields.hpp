// Little-endian fields, and files of them that end in the XXH64 of all before it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sounder {

/// Appends fields.
class FieldWriter {
 public:
  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }
  void number(std::uint64_t value) { bytes(&value, sizeof value); }
  void real(double value) { bytes(&value, sizeof value); }
  void text(std::string_view text) {
    number(text.size());
    bytes(text.data(), text.size());
  }
  template <class T>
  void array(const std::vector<T>& values) {
    number(values.size());
    bytes(values.data(), values.size() * sizeof(T));
  }
  std::string& out() { return out_; }

 private:
  static_assert(std::endian::native == std::endian::little);
  std::string out_;
};

/// Reads them back; throws std::out_of_range past the end.
class FieldReader {
 public:
  explicit FieldReader(std::string_view in) : in_(in) {}
  std::string_view bytes(std::size_t size) {
    if (size > in_.size()) throw std::out_of_range("short");
    const std::string_view result = in_.substr(0, size);
    in_.remove_prefix(size);
    return result;
  }
  std::uint64_t number() { return plain<std::uint64_t>(); }
  double real() { return plain<double>(); }
  std::string text() { return std::string(bytes(number())); }
  template <class T>
  std::vector<T> array() {
    const std::uint64_t size = number();
    if (size > in_.size() / sizeof(T)) throw std::out_of_range("short");
    std::vector<T> values(size);
    const std::string_view raw = bytes(size * sizeof(T));
    if (size) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  bool empty() const { return in_.empty(); }

 private:
  template <class T>
  T plain() {
    T value;
    std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view in_;
};

/// A kind of file: how it begins, and what messages call it.
struct FileKind {
  std::string_view magic;  ///< its first bytes
  const char* noun;        ///< "model"
  const char* flag;        ///< that writes it
};

/// Writes magic, fields and checksum, by write_atomically. Throws Error.
void write_fields(const FileKind& kind, FieldWriter& fields, const std::string& path);

/// What the file holds between magic and checksum, as it is: `intact` says whether the checksum matches.
/// Throws Error if the file is not there or of another kind.
struct FileFields {
  std::string content;
  bool intact = false;
};
FileFields read_fields(const FileKind& kind, const std::string& path);

/// The sentence for a file that is damaged.
std::string damaged(const FileKind& kind, const std::string& path);

}  // namespace sounder
