// Private to the readers: a file as text, and its lines in blocks that are parsed in parallel.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sounder/data/columns.hpp>
#include <sounder/data/load.hpp>
#include <sounder/data/part.hpp>

namespace sounder {

/// The content of a file, decompressed if it is gzip or xz; mapped where that saves a copy.
class Text {
 public:
  /// Throws Error if the file cannot be read, is damaged, empty, or of a format that is not text.
  explicit Text(const std::string& path);
  ~Text();
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  const std::string& path() const { return path_; }
  std::string_view view() const { return view_; }

 private:
  std::string path_, held_;
  std::string_view view_;
  void* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

/// A bad line. Caught per block, so that the first one is reported.
struct Fault {
  std::size_t line;  ///< 1-based, within the part
  std::string what;
};

/// Whole lines, each ended by '\n', and where their content goes in the arrays.
struct Block {
  const char* begin = nullptr;
  const char* end = nullptr;
  std::size_t line = 1;                   ///< number of the first line
  std::size_t first_example = 0;          ///< every line may be an example,
  std::size_t first_entry = 0;            ///< and every mark an entry: upper bounds that comments make larger
  std::size_t examples = 0, entries = 0;  ///< what the parser found
  std::optional<Fault> fault{};
};

/// Cuts text into blocks of about `block_bytes` and counts their lines and `mark`s.
class Blocks {
 public:
  Blocks(std::string_view text, std::size_t block_bytes, char mark);

  std::size_t lines() const { return lines_; }  ///< also an upper bound of examples
  std::size_t marks() const { return marks_; }  ///< upper bound of entries

  /// Runs `parse` on every block in parallel. A Fault that it throws ends its block and is kept.
  void parse(const std::function<void(Block&)>& parse);
  /// The first faulty line, or null.
  const Fault* first_fault() const;

  const std::vector<Block>& all() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
  std::string tail_;  ///< the last line with its '\n', if the file lacks it
  std::size_t lines_ = 0, marks_ = 0;
};

/// The token at `p`, up to a blank or the end of the line.
std::string_view token(const char* p);
/// A token for a message: in quotes, shortened, unprintable bytes escaped.
std::string quoted(std::string_view token);

/// The lines that begin in this part of the bytes of `text`.
std::string_view lines_of(std::string_view text, Part part);

constexpr std::size_t kBlockBytes = std::size_t{1} << 18;

/// The readers behind load(). Tests pass a small `block_bytes` so that short texts have many blocks.
/// read_libsvm checks labels by `format` and leaves those of several classes as they are: see number_classes().
LoadedPart read_libsvm_part(const Text& text, Format format, Part part, std::size_t block_bytes = kBlockBytes);
LoadedPart read_ratings_part(const Text& text, Part part, std::size_t block_bytes = kBlockBytes);
Columns read_libsvm(const Text& text, Format format, std::size_t block_bytes = kBlockBytes);
Columns read_ratings(const Text& text, std::size_t block_bytes = kBlockBytes);

/// Part of any file, by the reader for its content and `format`; all of it.
LoadedPart read_file_part(const std::string& path, Format format, Part part);
Columns read_file(const std::string& path, Format format);

}  // namespace sounder
