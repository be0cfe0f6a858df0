// A GPU, or what plays one: memory, streams, kernels. Everything above this file is the same for both.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include <sounder/cuda/caps.hpp>
#include <sounder/cuda/options.hpp>
#include <sounder/cuda/placement.hpp>
#include <sounder/kernel.hpp>
#include <sounder/params/merge/guarded_sum.hpp>

#include "batch.hpp"
#include "device/segment.hpp"

namespace sounder::cuda {

/// Which kernel of a model is asked for.
struct StepForm {
  UpdateName update = UpdateName::red;
  bool system_scope = false;  ///< CPU threads write the same cells
  double nonzeros = 2;        ///< per example
  StorageName storage = StorageName::f32;
  bool gathers = false;       ///< adds up gradients at parameters that nobody moves; with `red` alone
};

/// The kernel of a model in one form.
struct StepProgram {
  /// Starts the steps of every worker of the segment on a stream (its handle), and returns. `model`: a struct of the kernel's type.
  using Start = void (*)(const void* model, const Segment&, void* stream);
  Start start = nullptr;  ///< null: the model has no such kernel
  int lanes = 32;         ///< threads that make up a worker
  std::optional<std::size_t> owned{};  ///< the table that the model declares as `owned`: each example touches one row of it
};

/// What an exchange between master and mirror is about. Blocks are of kBlockFloats floats.
struct Exchanged {
  float* master = nullptr;
  float* mirror = nullptr;            ///< cells of `storage`
  GuardedSumBlock* blocks = nullptr;  ///< in device memory, one for each block of the parameters
  std::size_t first = 0, last = 0;    ///< of the blocks to exchange
  MergeRule rule = MergeRule::guarded;
  float share = 0.5f;                 ///< of the mirror's side in the updates so far, for the mean
  StorageName storage = StorageName::f32;
  // Where that has 16 bits:
  std::uint16_t* left = nullptr;      ///< what the last exchange left in each cell of the mirror; in device memory
  std::uint32_t seed = 0;             ///< another one for each exchange
};

/// A sum of vectors: to[i] = (from[0][i] + from[1][i]) + ... `to` may be one of them. All lie in the memory of one device, at multiples of 16 bytes.
struct VectorSum {
  float* to = nullptr;
  const float* from[kMostGpus] = {};
  int count = 0;  ///< of the vectors
  std::size_t floats = 0;
};

class Device;

/// The mini-batches of a stream, with the memory that they take. Used as the stream is, which outlives them.
class Batches {
 public:
  virtual ~Batches() = default;
  /// Starts those of a segment, and returns.
  virtual void run(const Segment&) = 0;
};

/// Work in order; different streams run at the same time. Used by one thread at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void step(const StepProgram&, const void* model, const Segment&) = 0;
  /// `cells`: of the parameters, which stay there.
  virtual std::unique_ptr<Batches> batches(Device&, const BatchShape&, const Cells& cells) = 0;
  /// mirror and all bases = master.
  virtual void refresh(const Exchanged&) = 0;
  /// Merges the movements of both sides since the last exchange into both, while both go on training: an update of the mirror is never
  /// lost; one of a CPU thread between the read and the write of its cell can be (as in hogwild), and of a mirror of 16 bits too.
  virtual void reconcile(const Exchanged&) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// From the memory of `peer`, another device, to that of this stream's.
  virtual void copy_from(Device& peer, void* to, const void* from, std::size_t bytes) = 0;
  virtual void add_up(const VectorSum&) = 0;
  /// All bits 0.
  virtual void clear(void* memory, std::size_t bytes) = 0;
  /// What is asked of this stream from now on begins when all that was asked of `other` so far is done. Nobody blocks.
  virtual void follow(Stream& other) = 0;
  /// Blocks until all is done; throws Error if something failed.
  virtual void wait() = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const Caps& caps() const = 0;
  /// Zeroed unless on the device. Throws Error if there is none left. Freed by the deleter.
  virtual std::shared_ptr<void> allocate(Where where, std::size_t bytes) = 0;
  /// `urgent`: goes before other streams.
  virtual std::unique_ptr<Stream> stream(bool urgent = false) = 0;
  virtual StepProgram program(const Kernel&, const StepForm&) = 0;
  /// Lets this device reach the memory of `peer`, a device of the same kind. False: it cannot, and copies take the way over the host.
  virtual bool reach(Device& peer) = 0;
  /// Throws Error if there is nothing to multiply matrices with.
  virtual void require_products() const {}
};

inline constexpr std::size_t kEmulatedBytes = std::size_t{4} << 30;
/// A GPU played by threads, with so many bytes of memory. It is filled with NaN at first, so that what was not copied shows.
std::unique_ptr<Device> make_emulated_device(std::size_t bytes = kEmulatedBytes);
/// The GPU of this number (modulo their number). Throws Error with the status' sentence if there is none.
std::unique_ptr<Device> make_cuda_device(int number = 0);
/// Whether there is one.
DeviceStatus cuda_status();
/// Their number.
int cuda_devices();

}  // namespace sounder::cuda
