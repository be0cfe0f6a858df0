// A simulated network: virtual time, one thread, and a seed that says everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include <sounder/data/random.hpp>

#include "protocol/frame.hpp"

namespace sounder::mpi {

/// What lives on a simulated rank. All of it runs in the thread that runs the simulation.
class SimActor {
 public:
  virtual ~SimActor() = default;
  virtual void on_frame(Frame frame, Outbox& out) = 0;
  virtual void on_timer(std::uint64_t /*id*/, Outbox& /*out*/) {}
};

/// How long frames take, where that is no matter of chance alone. Frames of a link and channel keep their order in any case.
class SimWires {
 public:
  virtual ~SimWires() = default;
  /// Of a frame that is sent now: when its first byte comes to the receiver.
  virtual double arrives(double now, int from, int to, std::size_t bytes, Random& random) = 0;
  /// Of a frame whose first byte has come now: when it is in.
  virtual double is_in(double now, int from, int to, std::size_t bytes) = 0;
};

struct SimOptions {
  int ranks = 1;
  std::uint64_t seed = 0;
  /// Of a frame, in seconds of virtual time: a link and channel has a mean of its own, drawn between these two; each frame takes between 0
  /// and twice that. What is sent later on the same link and channel never arrives earlier; on another channel it may.
  double shortest = 0.1, longest = 2;
  std::shared_ptr<SimWires> wires{};  ///< given: they say how long frames take
};

/// The same seed, actors and calls give the same run, frame by frame.
class Sim {
 public:
  enum class Fault { none, drop, twice };

  explicit Sim(const SimOptions& options);
  ~Sim();

  void attach(int rank, SimActor& actor);
  /// Asked for every frame that is sent: what happens to it.
  void inject(std::function<Fault(int to, const Frame&)> fault) { fault_ = std::move(fault); }
  /// Frames between the two ranks do not arrive before `until`; they are kept, in order.
  void partition(int a, int b, double until);
  /// From now on nothing comes from that rank or arrives there, and its timers do not ring.
  void lose(int rank);
  /// Calls actor.on_timer(id) after `seconds`.
  void timer(int rank, double seconds, std::uint64_t id);
  /// Where a rank's actor sends, outside of a callback too.
  Outbox& outbox(int rank);

  /// Delivers the next frame or timer; false if nothing is under way any more.
  bool step();
  void run() {
    while (step()) {
    }
  }

  double now() const { return now_; }
  std::uint64_t delivered() const { return delivered_; }
  /// Of every delivery so far: which frame, when, to whom. Equal digests: equal runs.
  std::uint64_t digest() const { return digest_; }
  Random& random() { return random_; }

 private:
  class Port;
  struct Link {
    double mean = 0, last = 0, closed_until = 0;
  };
  struct Event {
    double time;
    std::uint64_t number;  // of events of the same time, the first made comes first
    int to;
    bool is_timer;
    bool is_in;            // of a frame: with all its bytes
    std::uint64_t id;      // of a timer; of a frame, its place in frames_
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return a.time != b.time ? a.time > b.time : a.number > b.number; }
  };

  void send(int from, int to, Header header, Payload payload);
  void schedule(int from, int to, Frame frame);
  Link& link(int from, int to, Channel channel);

  SimOptions options_;
  Random random_;
  std::vector<SimActor*> actors_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<Link> links_;                       ///< of all pairs and channels; without wires, which draw none
  std::unordered_map<std::size_t, Link> used_;  ///< the same with them
  std::vector<bool> lost_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<Frame> frames_;            // under way
  std::vector<std::uint64_t> free_;      // places in frames_ that are
  std::function<Fault(int, const Frame&)> fault_;
  double now_ = 0;
  std::uint64_t made_ = 0, delivered_ = 0, digest_ = 0;
};

}  // namespace sounder::mpi
