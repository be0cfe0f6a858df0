// A device and its streams that pass everything on to an emulated one: what a test alters, it overrides.
#pragma once

#include <memory>
#include <utility>

#include "device/device.hpp"

namespace sounder::test {

struct ForwardingDevice : cuda::Device {
  const cuda::Caps& caps() const override { return real_->caps(); }
  std::shared_ptr<void> allocate(cuda::Where where, std::size_t bytes) override { return real_->allocate(where, bytes); }
  cuda::StepProgram program(const Kernel& kernel, const cuda::StepForm& form) override { return real_->program(kernel, form); }
  std::unique_ptr<cuda::Stream> stream(bool urgent) override;
  bool reach(cuda::Device& peer) override { return real_->reach(*static_cast<ForwardingDevice&>(peer).real_); }

  std::unique_ptr<cuda::Device> real_ = cuda::make_emulated_device();
};

struct ForwardingStream : cuda::Stream {
  explicit ForwardingStream(std::unique_ptr<cuda::Stream> real) : real_(std::move(real)) {}
  void step(const cuda::StepProgram& program, const void* model, const cuda::Segment& segment) override { real_->step(program, model, segment); }
  std::unique_ptr<cuda::Batches> batches(cuda::Device& device, const cuda::BatchShape& shape, const Cells& cells) override {
    return real_->batches(device, shape, cells);
  }
  void refresh(const cuda::Exchanged& what) override { real_->refresh(what); }
  void reconcile(const cuda::Exchanged& what) override { real_->reconcile(what); }
  void copy(void* to, const void* from, std::size_t bytes) override { real_->copy(to, from, bytes); }
  void copy_from(cuda::Device& peer, void* to, const void* from, std::size_t bytes) override {
    real_->copy_from(*static_cast<ForwardingDevice&>(peer).real_, to, from, bytes);
  }
  void add_up(const cuda::VectorSum& sum) override { real_->add_up(sum); }
  void clear(void* memory, std::size_t bytes) override { real_->clear(memory, bytes); }
  void follow(cuda::Stream& other) override { real_->follow(*static_cast<ForwardingStream&>(other).real_); }
  void wait() override { real_->wait(); }

  std::unique_ptr<cuda::Stream> real_;
};

inline std::unique_ptr<cuda::Stream> ForwardingDevice::stream(bool urgent) { return std::make_unique<ForwardingStream>(real_->stream(urgent)); }

}  // namespace sounder::test
