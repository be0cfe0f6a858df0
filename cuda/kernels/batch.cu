// Mini-batches of a multilayer perceptron on a stream: one kernel for what is done element by element, cuBLAS for the rest, all of it captured
// once and launched anew for each batch.
#include <algorithm>
#include <vector>

#include "device/cuda/cublas.hpp"
#include "device/cuda/errors.hpp"
#include "kernels/batches.hpp"
#include "kernels/device_access.hpp"
#include "kernels/mlp_batch.hpp"
#include "kernels/preload.hpp"

namespace sounder::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::size_t kMostBlocks = 264;
constexpr std::size_t kWorkspace = std::size_t{4} << 20;  ///< bytes; cuBLAS would take some of its own, which a captured launch must not

__global__ void __launch_bounds__(kThreads) batch_part(const MlpBatch batch, const Part part) {
  const DeviceAccess<Forms::red, Scope::gpu> access{};
  const std::size_t elements = batch.elements(part);
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x; i < elements; i += static_cast<std::size_t>(gridDim.x) * kThreads)
    batch.run(part, i, access);
}

class CudaBatches final : public Batches {
 public:
  CudaBatches(Device& device, const BatchShape& shape, const Cells& cells, cudaStream_t stream) : stream_(stream) {
    preload(reinterpret_cast<const void*>(&batch_part));
    batch_.shape = shape;
    batch_.cells = cells;
    memory_ = device.allocate(Where::device, batch_.floats() * sizeof(float));
    cursor_ = device.allocate(Where::device, sizeof(BatchCursor));
    workspace_ = device.allocate(Where::device, kWorkspace);
    batch_.place(static_cast<float*>(memory_.get()));
    batch_.cursor = static_cast<BatchCursor*>(cursor_.get());
    check(cudaMemsetAsync(memory_.get(), 0, batch_.floats() * sizeof(float), stream_), "clear memory of the GPU");
    const std::vector<float> ones(batch_.batch(), 1.f);
    check(cudaMemcpyAsync(batch_.ones, ones.data(), ones.size() * sizeof(float), cudaMemcpyDefault, stream_), "copy to the GPU");
    check(cudaStreamSynchronize(stream_), "copy to the GPU");
    check_cublas(cublas().create(&handle_), "start cuBLAS");
    check_cublas(cublas().set_stream(handle_, stream_), "start cuBLAS");
    check_cublas(cublas().set_workspace(handle_, workspace_.get(), kWorkspace), "start cuBLAS");
    parts_ = false;
    step_on_batch(batch_, *this);  // brings the kernels of cuBLAS to the device: products that nobody uses
    check(cudaStreamSynchronize(stream_), "multiply matrices on the GPU");
    parts_ = true;
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture a batch");
    step_on_batch(batch_, *this);
    check(cudaStreamEndCapture(stream_, &graph), "capture a batch");
    const cudaError_t made = cudaGraphInstantiate(&launch_, graph, 0);
    cudaGraphDestroy(graph);
    check(made, "capture a batch");
  }
  ~CudaBatches() override {
    cudaStreamSynchronize(stream_);
    if (launch_) cudaGraphExecDestroy(launch_);
    if (handle_) cublas().destroy(handle_);
  }

  void run(const Segment& segment) override {
    const BatchCursor cursor{segment, 0};
    check(cudaMemcpyAsync(batch_.cursor, &cursor, sizeof cursor, cudaMemcpyDefault, stream_), "copy to the GPU");
    for (std::size_t i = 0; i < batches_of(segment, batch_.shape); ++i) check(cudaGraphLaunch(launch_, stream_), "start a batch");
  }

  // For step_on_batch.
  void part(Part part) {
    if (!parts_) return;
    const std::size_t blocks = (batch_.elements(part) + kThreads - 1) / kThreads;
    batch_part<<<static_cast<unsigned>(std::min(blocks, kMostBlocks)), kThreads, 0, stream_>>>(batch_, part);
    check(cudaGetLastError(), "start a part of a batch");
  }
  void product(const Product& product) {
    const float one = 1, zero = 0;
    const ColumnProduct p = by_columns(product);
    check_cublas(cublas().multiply(handle_, p.a_transposed, p.b_transposed, p.rows, p.columns, p.inner, &one, p.a, p.a_stride, p.b, p.b_stride, &zero,
                                   p.c, p.c_stride),
                 "multiply matrices");
  }

 private:
  cudaStream_t stream_;
  MlpBatch batch_;
  std::shared_ptr<void> memory_, cursor_, workspace_;
  Cublas::Handle handle_ = nullptr;
  cudaGraphExec_t launch_ = nullptr;
  bool parts_ = true;
};

}  // namespace

std::unique_ptr<Batches> make_batches(Device& device, const BatchShape& shape, const Cells& cells, void* stream) {
  return std::make_unique<CudaBatches>(device, shape, cells, static_cast<cudaStream_t>(stream));
}

}  // namespace sounder::cuda
