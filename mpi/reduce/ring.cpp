// Reducer `ring`: every segment of the vector travels once around to be added up, and once more to be handed out.
// Source: Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", JPDC 2009.
#include <algorithm>

#include "reduce/reducer.hpp"

namespace sounder::mpi {
namespace {

class Ring final : public Reducer {
 public:
  Ring(Endpoint& endpoint, std::size_t chunk_bytes)
      : endpoint_(endpoint), chunk_(std::max<std::size_t>(1, chunk_bytes / sizeof(float))) {}

  void sum(std::span<float> vector) override {
    const int ranks = endpoint_.size(), own = endpoint_.rank();
    if (ranks == 1) return;
    vector_ = vector;
    tag_ = endpoint_.next_tag();
    each_chunk(own, [&](std::span<float> chunk) { send(Payload::copy<float>(chunk)); });
    // A chunk goes on as soon as it is added up, so that the steps overlap: nobody waits for a whole segment.
    for (int step = 1; step < ranks; ++step)
      each_chunk(own - step, [&](std::span<float> chunk) {
        Payload sum = added(receive(), chunk);
        if (step == ranks - 1) std::ranges::copy(sum.as<float>(), chunk.begin());
        send(std::move(sum));
      });
    for (int step = 0; step < ranks - 1; ++step)
      each_chunk(own - step, [&](std::span<float> chunk) {
        Payload sum = receive();
        std::ranges::copy(sum.as<float>(), chunk.begin());
        if (step < ranks - 2) send(std::move(sum));
      });
  }

 private:
  /// f(chunk) for the chunks of a segment; its number is taken modulo the ranks.
  template <class F>
  void each_chunk(int segment, F f) const {
    const auto ranks = static_cast<std::size_t>(endpoint_.size());
    const std::size_t at = static_cast<std::size_t>(segment + endpoint_.size()) % ranks;
    const std::size_t end = vector_.size() * (at + 1) / ranks;
    for (std::size_t i = vector_.size() * at / ranks; i < end; i += chunk_) f(vector_.subspan(i, std::min(chunk_, end - i)));
  }
  static Payload added(const Payload& left, std::span<const float> right) {
    return Payload::filled(right.size_bytes(), [&](std::span<std::byte> to) {
      const float* const a = left.as<float>().data();
      float* const sum = reinterpret_cast<float*>(to.data());
      for (std::size_t i = 0; i < right.size(); ++i) sum[i] = a[i] + right[i];
    });
  }
  void send(Payload payload) const {
    endpoint_.send((endpoint_.rank() + 1) % endpoint_.size(), {.kind = Kind::mail, .channel = Channel::collective, .tag = tag_},
                   std::move(payload));
  }
  Payload receive() const {
    const int left = (endpoint_.rank() + endpoint_.size() - 1) % endpoint_.size();
    return endpoint_.receive(left, Kind::mail, tag_, {.what = "a sum around the ring", .clock = 0, .on = {}}).payload;
  }

  Endpoint& endpoint_;
  std::size_t chunk_;  ///< in floats
  std::span<float> vector_;
  std::uint64_t tag_ = 0;
};

}  // namespace

std::unique_ptr<Reducer> make_ring(Endpoint& endpoint, std::size_t chunk_bytes) { return std::make_unique<Ring>(endpoint, chunk_bytes); }

}  // namespace sounder::mpi
