// Zeroed, page-aligned memory for parameters, in the two kinds that modes need.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace sounder {

/// Which memory a mode wants its parameters in.
enum class MemoryKind {
  heap,       ///< anonymous, huge pages where the system gives them: fastest for large models
  shareable,  ///< a memfd: other address ranges of this process can map parts of it (windows)
};

/// Owns the memory; move-only. Throws Error if the system has none left.
class Memory {
 public:
  Memory() = default;
  Memory(std::size_t floats, MemoryKind kind);
  /// Memory that somebody else gave: zeroed, page-aligned, `floats` floats long, freed with its last owner.
  Memory(std::size_t floats, std::shared_ptr<void> given) : data_(static_cast<float*>(given.get())), floats_(floats), given_(std::move(given)) {}
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  float* data() const { return data_; }
  std::size_t floats() const { return floats_; }
  int file() const { return file_; }  ///< the memfd of a shareable memory, else -1

 private:
  float* data_ = nullptr;
  std::size_t floats_ = 0;
  int file_ = -1;
  std::shared_ptr<void> given_;
};

}  // namespace sounder
