#include "gathering.hpp"

#include <utility>

#include <fmt/format.h>

#include "device_data.hpp"

namespace sounder::cuda {

Gathering::Gathering(Device& first, StreamTeam& streams, std::vector<std::unique_ptr<Device>> others, const GpuOptions& options)
    : options_(options), others_(std::move(others)) {
  members_.push_back({&first, &streams});
  for (const auto& device : others_) {
    streams_of_others_.push_back(std::make_unique<StreamTeam>(*device, options.gpu_streams));
    members_.push_back({device.get(), streams_of_others_.back().get()});
  }
  plan_ = plan_servers(options.server_placement, devices());
}

void Gathering::prepare(const StreamJob& job, Parameters& parameters, double nonzeros) {
  parameters_ = &parameters;
  const std::size_t bytes = parameters.memory().floats() * sizeof(float);
  sums_.reset();
  servers_.reset();
  copies_.clear();
  for (Member& member : members_) member.program = member.device->program(*job.kernel, {.nonzeros = nonzeros, .gathers = true});
  members_[0].cells = job.cells;
  if (!several()) return;
  for (Member& member : members_) {
    if (&member == &members_[0]) {
      copies_.push_back(job.cells.write[0] - parameters.layout().offset(0));
      continue;
    }
    StreamJob own = job;
    own.model_bytes = bytes_of_model(options_, bytes, false);
    own.resident = is_resident(options_.gpu_data, member.device->caps(), own.model_bytes, *job.data);
    member.memory = member.device->allocate(Where::device, bytes);
    copies_.push_back(static_cast<float*>(member.memory.get()));
    own.cells = member.cells = parameters.cells(copies_.back());
    member.streams->prepare(own);
  }
  servers_.emplace(devices(), plan_.placement, parameters.memory().floats());
}

void Gathering::begin(ChunkQueue& queue) {
  if (!sums_) sums_.emplace(devices(), plan_.placement, *parameters_);
  if (servers_) servers_->distribute(parameters_->memory().data(), copies_);
  for (std::size_t i = 0; i < members_.size(); ++i) sums_->clear(i, members_[i].streams->stream());
  // Devices are alike: each has an equal part, or the first to start would take all of a small round.
  const std::size_t part = several() ? (queue.left() + members_.size() - 1) / members_.size() : StreamTeam::kAnyNumber;
  std::exception_ptr error;
  for (std::size_t i = 0; i < members_.size() && !error; ++i) try {
      members_[i].streams->gather(queue, members_[i].program, sums_->cells(i, members_[i].cells), sums_->decays(), part);
    } catch (...) {
      error = std::current_exception();
    }
  if (!error) return;
  join(error);  // those that have begun use the caller's queue
  std::rethrow_exception(error);
}

Gathered Gathering::end() {
  std::exception_ptr error;
  join(error);
  if (error) std::rethrow_exception(error);
  return sums_->bring();
}

void Gathering::join(std::exception_ptr& error) {
  for (const Member& member : members_) member.streams->join(error);
}

std::uint64_t Gathering::examples_of_others() const {
  std::uint64_t examples = 0;
  for (const auto& streams : streams_of_others_) examples += streams->examples();
  return examples;
}

std::string Gathering::remark() const {
  if (!several()) return "";
  std::string text = fmt::format("; {} GPUs, server placement {}, {}; examples of each:", members_.size(), name_of(kServerPlacements, plan_.placement), plan_.why);
  for (const Member& member : members_) text += fmt::format(" {}", member.streams->examples());
  return text;
}

std::vector<Device*> Gathering::devices() const {
  std::vector<Device*> devices;
  for (const Member& member : members_) devices.push_back(member.device);
  return devices;
}

}  // namespace sounder::cuda
