// Where vectors that several devices hold come together: the parameter servers of one machine.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.hpp"

namespace sounder::cuda {

struct ServerPlan {
  ServerPlacement placement;  ///< not automatic
  std::string why;
};
/// Lets devices reach each other where they can.
ServerPlan plan_servers(ServerPlacement asked, std::span<Device* const> devices);

/// Bytes of one step, over the link that carries most of them in one direction, and over all. A device has a link, and so has the host.
struct Carried {
  std::size_t busiest = 0, all = 0;
};

/// Adds up vectors of so many floats, one in the memory of each device, and hands the sum out. The sum has the same bits in every placement: that
/// of the vectors in the order of their devices. It lies with the servers: parts of it in the vectors of the devices that serve, or all on the
/// host. Each call returns when all is done; nobody else uses the vectors meanwhile. Used by one thread at a time.
class Servers {
 public:
  /// The devices outlive this.
  Servers(std::vector<Device*> devices, ServerPlacement placement, std::size_t floats);

  /// The sum comes to the servers. `vectors`: one of each device, begins at multiples of 16 bytes. Throws Error if the servers have no memory left for vectors
  /// of the others.
  Carried reduce(std::span<float* const> vectors);
  /// From the servers to the vectors of all.
  Carried broadcast(std::span<float* const> vectors);
  /// From the servers to the host; it stays there until the next call.
  float* collect(std::span<float* const> vectors);
  /// From the host to the servers, and from there to the vectors of all.
  void distribute(const float* host, std::span<float* const> vectors);

 private:
  /// Floats that a device serves.
  struct Part {
    std::size_t begin, floats;
    std::shared_ptr<void> others;  ///< room for the vectors of the others, from the first reduce() on
  };
  struct Link {
    std::size_t in = 0, out = 0;
  };

  std::size_t host() const { return devices_.size(); }  ///< its number among the links
  void copy(std::size_t to_device, std::size_t from_device, float* to, const float* from, std::size_t floats);
  float* host_memory(std::size_t vectors);
  void add_on_host();
  void hand_out(const float* host, std::span<float* const> vectors);
  Carried finish();

  std::vector<Device*> devices_;
  const bool by_host_;
  const std::size_t floats_;
  std::vector<Part> parts_;                        ///< of device 0, 1, ...; none if the host serves
  std::shared_ptr<void> host_;                     ///< vectors of all devices, or the sum
  std::vector<Link> links_;                        ///< what they have carried since the last finish(): of devices, and the host's
  std::vector<std::unique_ptr<Stream>> streams_;   ///< one of each device: goes first, as it uses the rest
};

}  // namespace sounder::cuda
