// Gathers gradients by the streams of one or several devices: each has a copy of the parameters, and sums of its own.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sounder/cuda/options.hpp>
#include <sounder/params/parameters.hpp>

#include "gradient_sums.hpp"
#include "stream_team.hpp"

namespace sounder::cuda {

class Gathering {
 public:
  /// `first` and its streams are the backend's, and outlive this. Each of the others gets as many streams.
  Gathering(Device& first, StreamTeam& streams, std::vector<std::unique_ptr<Device>> others, const GpuOptions& options);

  /// After the streams of the first device, whose job this is. Throws Error if a device has no memory left.
  void prepare(const StreamJob& job, Parameters& parameters, double nonzeros);
  /// Whether the model has a kernel for it.
  bool can_gather() const { return static_cast<bool>(members_[0].program.start); }
  bool several() const { return members_.size() > 1; }

  /// Starts all on the chunks of the queue, and returns; end() must follow. If there are several devices, their copies become what the host holds.
  void begin(ChunkQueue& queue);
  /// The sum of all, on the host; what it points to stays until the next call.
  Gathered end();

  /// Taken since prepare() by devices beside the first. Any thread may ask.
  std::uint64_t examples_of_others() const;
  /// "" if there are no others.
  std::string remark() const;

 private:
  struct Member {
    Device* device;
    StreamTeam* streams;
    StepProgram program{};
    std::shared_ptr<void> memory{};  ///< of its copy, but for the first
    Cells cells{};                   ///< of its copy
  };

  std::vector<Device*> devices() const;
  void join(std::exception_ptr& error);

  const GpuOptions options_;
  std::vector<std::unique_ptr<Device>> others_;
  std::vector<std::unique_ptr<StreamTeam>> streams_of_others_;
  std::vector<Member> members_;
  ServerPlan plan_;
  Parameters* parameters_ = nullptr;
  std::vector<float*> copies_;        ///< of the parameters
  std::optional<Servers> servers_;    ///< of these
  std::optional<GradientSums> sums_;  ///< of modes that gather
};

}  // namespace sounder::cuda
