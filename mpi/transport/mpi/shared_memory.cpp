#if SOUNDER_HAS_MPI

#include "transport/mpi/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sounder/error.hpp>

#include "transport/mpi/calls.hpp"

namespace sounder::mpi {
namespace {

/// What a rank tells of its memory. The mark, at random, shows that a file is the one meant: another machine of the
/// same name, or a container, has other processes.
struct Place {
  std::int64_t process = 0;
  std::int32_t file = -1;  ///< none
  std::array<std::uint32_t, 4> mark{};
};

/// What the memory begins with.
struct Head {
  std::array<std::uint32_t, 4> mark;
  // How many payloads, in whatever process, are what begins at the slot. Written by: the owner, one more for each, and
  // whoever lets go of one. Read by: the owner. Order: release and acquire: it was read before it is written anew.
  // (That it was written before it is read, the message that names it sees to.)
  std::array<std::atomic<std::uint32_t>, SharedMemory::kSlots> held;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);  // another process sees it

constexpr const char* kName = "sounder";
constexpr std::size_t kHead = (sizeof(Head) + SharedMemory::kSlot - 1) / SharedMemory::kSlot * SharedMemory::kSlot;
constexpr std::size_t kBytes = kHead + SharedMemory::kSlots * SharedMemory::kSlot;

struct File {
  explicit File(int descriptor) : number(descriptor) {}
  ~File() {
    if (number >= 0) ::close(number);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int number;
};

bool is_off() {
  const char* const wish = std::getenv("SOUNDER_SHARED_MEMORY");
  return wish && std::string_view(wish) == "off";
}

/// -1: there is none. Sealed: what is mapped cannot become shorter.
int make_file() {
  if (is_off()) return -1;
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING, kNotExecutable = 8;  // MFD_NOEXEC_SEAL, which kernels before 6.3 do not know
  int file = memfd_create(kName, kFlags | kNotExecutable);
  if (file < 0) file = memfd_create(kName, kFlags);
  if (file >= 0 && ftruncate(file, static_cast<off_t>(kBytes)) == 0 && fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0) return file;
  if (file >= 0) ::close(file);
  return -1;
}

/// What the rank has at that place, if it is that: by name before it is opened, since another container may have anything there, and by its mark before it
/// is mapped.
int open_file(const Place& place) {
  const std::string path = fmt::format("/proc/{}/fd/{}", place.process, place.file);
  std::array<char, 64> target{};
  const std::string_view name(target.data(), static_cast<std::size_t>(std::max<ssize_t>(0, readlink(path.c_str(), target.data(), target.size()))));
  if (!name.starts_with(fmt::format("/memfd:{}", kName))) return -1;
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  std::array<std::uint32_t, 4> mark{};
  if (file >= 0 && pread(file, mark.data(), sizeof mark, offsetof(Head, mark)) == static_cast<ssize_t>(sizeof mark) && mark == place.mark) return file;
  if (file >= 0) ::close(file);
  return -1;
}

}  // namespace

class SharedMemory::Mapping {
 public:
  /// Null where there is no such memory.
  static std::shared_ptr<Mapping> of(int file) {
    struct stat facts {};
    if (file < 0 || fstat(file, &facts) != 0 || facts.st_size != static_cast<off_t>(kBytes)) return nullptr;
    void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return memory == MAP_FAILED ? nullptr : std::make_shared<Mapping>(memory);
  }
  explicit Mapping(void* memory) : memory_(memory) {}
  ~Mapping() { munmap(memory_, kBytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Head& head() const { return *static_cast<Head*>(memory_); }
  std::byte* slot(std::size_t number) const { return static_cast<std::byte*>(memory_) + kHead + number * kSlot; }
  /// The slot that begins there, if one does.
  std::optional<std::size_t> slot_at(const std::byte* place) const {
    const auto from = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(place) - reinterpret_cast<std::uintptr_t>(slot(0)));
    return from < kSlots * kSlot && from % kSlot == 0 ? std::optional(from / kSlot) : std::nullopt;
  }

 private:
  void* const memory_;
};

/// Lets go of what begins at a slot; of the memory too, which may be the last that is left of its rank.
struct SharedMemory::Release {
  std::shared_ptr<Mapping> memory;
  std::size_t slot;
  void operator()(const std::byte*) const { memory->head().held[slot].fetch_sub(1, std::memory_order_release); }
};

SharedMemory::SharedMemory(MPI_Comm communicator, const std::vector<bool>& far)
    : own_(static_cast<std::size_t>(rank_in(communicator))),
      mappings_(far.size()),
      seen_by_(far.size()),
      lengths_(kSlots) {
  const File file(make_file());
  Place own{.process = getpid(), .file = file.number};
  if (const std::shared_ptr<Mapping>& mapping = mappings_[own_] = Mapping::of(file.number)) {
    std::random_device random;
    std::ranges::generate(own.mark, std::ref(random));
    mapping->head().mark = own.mark;
  } else {
    own.file = -1;
  }
  std::vector<Place> places(far.size());
  all_gather(communicator, std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(places)));
  std::vector<char> seen(far.size());
  for (std::size_t rank = 0; rank < far.size(); ++rank) {
    const Place& place = places[rank];
    if (rank == own_ || far[rank] || own.file < 0 || place.file < 0) continue;
    const File other(open_file(place));
    mappings_[rank] = Mapping::of(other.number);
    seen[rank] = mappings_[rank] != nullptr;
  }
  all_to_all(communicator, seen, seen_by_);  // and nobody closes its file before all have opened it
}

/// The first slots that are free for so many bytes. Their first is held once.
std::optional<std::size_t> SharedMemory::find(int rank, std::size_t bytes) {
  if (!reaches(rank) || bytes > kLargest) return std::nullopt;
  Head& head = mappings_[own_]->head();
  const std::size_t count = (bytes + kSlot - 1) / kSlot;
  for (std::size_t slot = 0, begin = 0; slot < kSlots;) {
    std::uint32_t& length = lengths_[slot];
    if (length != 0 && head.held[slot].load(std::memory_order_acquire) != 0) {
      begin = slot += length;
      continue;
    }
    slot += std::max(1U, std::exchange(length, 0));
    if (slot < begin + count) continue;
    lengths_[begin] = static_cast<std::uint32_t>(count);
    head.held[begin].store(1, std::memory_order_relaxed);
    return begin;
  }
  return std::nullopt;
}

std::shared_ptr<std::byte[]> SharedMemory::take(int rank, std::size_t bytes) {
  const auto slot = find(rank, bytes);
  if (!slot) return nullptr;
  return {mappings_[own_]->slot(*slot), Release{mappings_[own_], *slot}};
}

std::optional<std::uint64_t> SharedMemory::put(int rank, std::span<const std::byte> bytes) {
  if (!reaches(rank)) return std::nullopt;
  const Mapping& memory = *mappings_[own_];
  if (const auto there = memory.slot_at(bytes.data()); there && lengths_[*there] != 0) {
    memory.head().held[*there].fetch_add(1, std::memory_order_relaxed);
    return *there;
  }
  const auto slot = find(rank, bytes.size());
  if (slot) std::memcpy(memory.slot(*slot), bytes.data(), bytes.size());
  return slot;
}

Payload SharedMemory::at(int rank, std::uint64_t place, std::size_t bytes) const {
  const std::shared_ptr<Mapping>& memory = mappings_[static_cast<std::size_t>(rank)];
  if (!memory || place >= kSlots) throw Error("a rank names shared memory that is not there: run the same program on all ranks");
  std::byte* const data = memory->slot(place);
  return Payload({data, bytes}, std::shared_ptr<std::byte[]>(data, Release{memory, place}));
}

}  // namespace sounder::mpi

#endif
