// Sends on the communication thread itself, also when the endpoint does not send any more.
#pragma once

#include <utility>

#include "protocol/frame.hpp"
#include "transport/transport.hpp"

namespace sounder::mpi {

class DirectOutbox final : public Outbox {
 public:
  explicit DirectOutbox(Transport& transport) : transport_(transport) {}
  void send(int to, Header header, Payload payload = {}) override {
    header.source = transport_.rank();
    header.bytes = payload.size();
    transport_.send(to, {header, std::move(payload)});
  }

 private:
  Transport& transport_;
};

}  // namespace sounder::mpi
