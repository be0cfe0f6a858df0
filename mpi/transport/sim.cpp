#include "transport/sim.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace sounder::mpi {

class Sim::Port final : public Outbox {
 public:
  Port(Sim& sim, int rank) : sim_(sim), rank_(rank) {}
  void send(int to, Header header, Payload payload) override { sim_.send(rank_, to, header, std::move(payload)); }

 private:
  Sim& sim_;
  int rank_;
};

Sim::Sim(const SimOptions& options) : options_(options), random_(options.seed), lost_(static_cast<std::size_t>(options.ranks)) {
  const auto ranks = static_cast<std::size_t>(options.ranks);
  actors_.resize(ranks);
  for (int rank = 0; rank < options.ranks; ++rank) ports_.push_back(std::make_unique<Port>(*this, rank));
  if (options.wires) return;  // whose links begin when they are used: of all pairs of many ranks, few are
  links_.resize(ranks * ranks * kChannels);
  for (Link& link : links_) link.mean = options.shortest + (options.longest - options.shortest) * random_.uniform();
}

Sim::~Sim() = default;

void Sim::attach(int rank, SimActor& actor) { actors_[static_cast<std::size_t>(rank)] = &actor; }

Outbox& Sim::outbox(int rank) { return *ports_[static_cast<std::size_t>(rank)]; }

Sim::Link& Sim::link(int from, int to, Channel channel) {
  const auto ranks = static_cast<std::size_t>(options_.ranks);
  const std::size_t place = (static_cast<std::size_t>(from) * ranks + static_cast<std::size_t>(to)) * kChannels + static_cast<std::size_t>(channel);
  return options_.wires ? used_[place] : links_[place];
}

void Sim::partition(int a, int b, double until) {
  for (int channel = 0; channel < kChannels; ++channel) {
    link(a, b, static_cast<Channel>(channel)).closed_until = until;
    link(b, a, static_cast<Channel>(channel)).closed_until = until;
  }
}

void Sim::lose(int rank) { lost_[static_cast<std::size_t>(rank)] = true; }

void Sim::timer(int rank, double seconds, std::uint64_t id) { events_.push({now_ + seconds, made_++, rank, true, true, id}); }

void Sim::send(int from, int to, Header header, Payload payload) {
  if (lost_[static_cast<std::size_t>(from)]) return;
  header.source = from;
  header.bytes = payload.size();
  Frame frame{header, std::move(payload)};
  const Fault fault = fault_ ? fault_(to, frame) : Fault::none;
  if (fault == Fault::drop) return;
  if (fault == Fault::twice) schedule(from, to, frame);
  schedule(from, to, std::move(frame));
}

void Sim::schedule(int from, int to, Frame frame) {
  Link& way = link(from, to, frame.header.channel);
  way.last = std::max({way.last, way.closed_until, options_.wires ? options_.wires->arrives(now_, from, to, frame.payload.size(), random_) : now_ + 2 * way.mean * random_.uniform()});
  std::uint64_t place = frames_.size();
  if (free_.empty()) {
    frames_.push_back(std::move(frame));
  } else {
    place = free_.back();
    free_.pop_back();
    frames_[place] = std::move(frame);
  }
  events_.push({way.last, made_++, to, false, !options_.wires, place});
}

bool Sim::step() {
  if (events_.empty()) return false;
  const Event event = events_.top();
  events_.pop();
  now_ = event.time;
  const auto to = static_cast<std::size_t>(event.to);
  if (!event.is_in) {
    const Header& header = frames_[event.id].header;
    const double in = options_.wires->is_in(now_, header.source, event.to, header.bytes);
    if (in > now_) return events_.push({in, made_++, event.to, false, true, event.id}), true;
  }
  Frame frame;
  if (!event.is_timer) {
    frame = std::move(frames_[event.id]);
    free_.push_back(event.id);
    if (lost_[static_cast<std::size_t>(frame.header.source)]) return true;
  }
  if (lost_[to] || !actors_[to]) return true;

  ++delivered_;
  const Header& header = frame.header;
  for (const std::uint64_t part : {std::bit_cast<std::uint64_t>(now_), event.id * 2 + event.is_timer, std::uint64_t{to},
                                   static_cast<std::uint64_t>(header.kind), header.clock, header.sequence, header.tag})
    digest_ = (std::rotl(digest_, 5) ^ part) * 0x9E3779B97F4A7C15;
  if (event.is_timer)
    actors_[to]->on_timer(event.id, *ports_[to]);
  else
    actors_[to]->on_frame(std::move(frame), *ports_[to]);
  return true;
}

}  // namespace sounder::mpi
