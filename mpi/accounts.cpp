#include "accounts.hpp"

#include "trace.hpp"

namespace sounder::mpi {

void Accounts::start(double already, std::uint64_t bytes_already) {
  begin_ = endpoint_.time().now();
  already_ = already;
  bytes_already_ = bytes_already;
  waited_before_ = endpoint_.wait_seconds();
  communicated_before_ = endpoint_.communication_seconds();
  sent_before_ = endpoint_.bytes_sent();
  links_before_ = endpoint_.links();
  note(true);
}

void Accounts::note(bool on) const {
  if (Trace* const trace = endpoint_.trace()) trace->set(on);
}

std::uint64_t Accounts::bytes_sent() const { return endpoint_.bytes_sent() - sent_before_; }

void Accounts::leave_out(const std::function<void()>& work) {
  const auto begin = endpoint_.time().now();
  const double waited = endpoint_.wait_seconds(), communicated = endpoint_.communication_seconds();
  const std::vector<Link> before = endpoint_.links();
  const std::uint64_t sent = endpoint_.bytes_sent();
  note(false);
  work();
  note(true);
  if (Trace* const trace = endpoint_.trace()) trace->add(SpanKind::evaluate, begin, endpoint_.time().now());
  already_ -= seconds_since(begin);
  waited_before_ += endpoint_.wait_seconds() - waited;
  communicated_before_ += endpoint_.communication_seconds() - communicated;
  sent_before_ += endpoint_.bytes_sent() - sent;
  const std::vector<Link> after = endpoint_.links();
  for (std::size_t rank = 0; rank < after.size(); ++rank) {
    links_before_[rank].bytes_sent += after[rank].bytes_sent - before[rank].bytes_sent;
    links_before_[rank].messages_sent += after[rank].messages_sent - before[rank].messages_sent;
    links_before_[rank].waited_seconds += after[rank].waited_seconds - before[rank].waited_seconds;
  }
}

void Accounts::close(RankReport& own) {
  note(false);
  own.wait_seconds = endpoint_.wait_seconds() - waited_before_;
  own.communication_seconds = endpoint_.communication_seconds() - communicated_before_;
  links_after_ = endpoint_.links();
}

}  // namespace sounder::mpi
