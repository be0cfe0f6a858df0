// The GPU of CUDA: its streams, and which kernel a model gets.
#include <cuda_runtime_api.h>

#include <sounder/error.hpp>

#include "device/cuda/cublas.hpp"
#include "device/cuda/errors.hpp"
#include "device/cuda/memory.hpp"
#include "device/device.hpp"
#include "kernels/batches.hpp"
#include "kernels/exchange.hpp"
#include "kernels/families.hpp"
#include "kernels/vectors.hpp"

namespace sounder::cuda {
namespace {

class CudaStream final : public Stream {
 public:
  CudaStream(int device, bool urgent) : device_(device) {
    use();
    int least = 0, greatest = 0;
    check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "ask for priorities");
    check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, urgent ? greatest : least), "make a stream");
    // A thread that waits leaves its core to those that train.
    check(cudaEventCreateWithFlags(&done_, cudaEventBlockingSync | cudaEventDisableTiming), "make an event");
    check(cudaEventCreateWithFlags(&passed_, cudaEventDisableTiming), "make an event");
  }
  ~CudaStream() override {
    cudaSetDevice(device_);
    if (stream_) cudaStreamSynchronize(stream_), cudaStreamDestroy(stream_);
    if (done_) cudaEventDestroy(done_);
    if (passed_) cudaEventDestroy(passed_);
  }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void step(const StepProgram& program, const void* model, const Segment& segment) override {
    use();
    program.start(model, segment, stream_);
    check(cudaGetLastError(), "start the steps");
  }
  std::unique_ptr<Batches> batches(Device& device, const BatchShape& shape, const Cells& cells) override {
    use();
    return make_batches(device, shape, cells, stream_);
  }
  void refresh(const Exchanged& what) override {
    use();
    start_refresh(what, stream_);
    check(cudaGetLastError(), "start to fill the mirror");
  }
  void reconcile(const Exchanged& what) override {
    use();
    start_reconcile(what, stream_);
    check(cudaGetLastError(), "start an exchange");
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    use();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "copy to or from the GPU");
  }
  void copy_from(Device& peer, void* to, const void* from, std::size_t bytes) override;
  void add_up(const VectorSum& sum) override {
    use();
    start_add(sum, stream_);
    check(cudaGetLastError(), "start to add vectors");
  }
  void clear(void* memory, std::size_t bytes) override {
    use();
    check(cudaMemsetAsync(memory, 0, bytes, stream_), "clear memory of the GPU");
  }
  void follow(Stream& other) override {
    use();
    const auto& before = static_cast<CudaStream&>(other);
    check(cudaEventRecord(before.passed_, before.stream_), "mark a place in a stream");
    check(cudaStreamWaitEvent(stream_, before.passed_, 0), "order two streams");
  }
  void wait() override {
    use();
    check(cudaEventRecord(done_, stream_), "wait for the GPU");
    check(cudaEventSynchronize(done_), "finish the work on the GPU");
  }

 private:
  void use() const { check(cudaSetDevice(device_), "use the GPU"); }  // which GPU is meant is remembered for each thread

  int device_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr, passed_ = nullptr;
};

int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, device), "ask what the GPU can do");
  return value;
}

Caps caps_of(int device) {
  check(cudaSetDevice(device), "use the GPU");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "ask what the GPU can do");
  Caps caps{.name = properties.name,
            .compute_capability = 10 * properties.major + properties.minor,
            .multiprocessors = properties.multiProcessorCount,
            .threads_per_multiprocessor = properties.maxThreadsPerMultiProcessor,
            .l2_bytes = static_cast<std::size_t>(properties.l2CacheSize),
            .concurrent_managed_access = attribute(cudaDevAttrConcurrentManagedAccess, device) != 0,
            .host_native_atomics = attribute(cudaDevAttrHostNativeAtomicSupported, device) != 0,
            .direct_managed_access = attribute(cudaDevAttrDirectManagedMemAccessFromHost, device) != 0,
            .pageable_memory_access = attribute(cudaDevAttrPageableMemoryAccess, device) != 0};
  check(cudaMemGetInfo(&caps.free_bytes, &caps.total_bytes), "ask for the memory of the GPU");
  return caps;
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int number)
      : number_(number), caps_(caps_of(number)), memory_(number, managed_budget(caps_), caps_.concurrent_managed_access) {
    preload_exchange();
    preload_vectors();
  }

  int number() const { return number_; }
  const Caps& caps() const override { return caps_; }
  std::shared_ptr<void> allocate(Where where, std::size_t bytes) override { return memory_.allocate(where, bytes); }
  std::unique_ptr<Stream> stream(bool urgent) override { return std::make_unique<CudaStream>(number_, urgent); }

  void require_products() const override { cublas(); }
  StepProgram program(const Kernel& kernel, const StepForm& form) override {
    if (!kernel.type || kernel.rule != RuleName::sgd) return {};
    check(cudaSetDevice(number_), "use the GPU");
    StepProgram program = families::linear(*kernel.type, form);
    if (!program.start) program = families::mf(*kernel.type, form);
    if (!program.start) program = families::fm(*kernel.type, form);
    if (!program.start) program = families::softmax(*kernel.type, form);
    return program;
  }
  bool reach(Device& peer) override {
    const int other = static_cast<CudaDevice&>(peer).number_;
    if (other == number_) return true;
    int reaches = 0;
    check(cudaDeviceCanAccessPeer(&reaches, number_, other), "ask which GPUs reach each other");
    if (!reaches) return false;
    check(cudaSetDevice(number_), "use the GPU");
    const cudaError_t result = cudaDeviceEnablePeerAccess(other, 0);
    if (result == cudaErrorPeerAccessAlreadyEnabled)
      cudaGetLastError();  // nothing that later calls should report
    else
      check(result, "let one GPU reach another");
    return true;
  }

 private:
  int number_;
  Caps caps_;
  Memory memory_;
};

void CudaStream::copy_from(Device& peer, void* to, const void* from, std::size_t bytes) {
  use();
  check(cudaMemcpyPeerAsync(to, device_, from, static_cast<CudaDevice&>(peer).number(), bytes, stream_), "copy from one GPU to another");
}

}  // namespace

int cuda_devices() {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "count the GPUs");
  return devices;
}

std::unique_ptr<Device> make_cuda_device(int number) {
  if (const DeviceStatus status = cuda_status(); status.absence != Absence::none) throw Error(status.sentence);
  return std::make_unique<CudaDevice>(number % cuda_devices());
}

}  // namespace sounder::cuda
