#include "accounts.hpp"

#include "trace.hpp"

namespace sounder::mpi {

void Accounts::start(double already, std::uint64_t bytes_already) {
  begin_ = endpoint_.time().now();
  already_ = already;
  bytes_already_ = bytes_already;
  waited_before_ = endpoint_.wait_seconds();
  communicated_before_ = endpoint_.communication_seconds();
  links_before_ = endpoint_.links();
  note(true);
}

void Accounts::note(bool on) const {
  if (Trace* const trace = endpoint_.trace()) trace->set(on);
}

std::uint64_t Accounts::bytes_sent() const {
  std::uint64_t bytes = 0;
  const std::vector<Link> links = endpoint_.links();
  for (std::size_t rank = 0; rank < links.size(); ++rank)
    if (static_cast<int>(rank) != endpoint_.rank()) bytes += links[rank].bytes_sent - links_before_[rank].bytes_sent;
  return bytes;
}

void Accounts::leave_out(const std::function<void()>& work) {
  const auto begin = endpoint_.time().now();
  const double waited = endpoint_.wait_seconds(), communicated = endpoint_.communication_seconds();
  const std::vector<Link> before = endpoint_.links();
  note(false);
  work();
  note(true);
  if (Trace* const trace = endpoint_.trace()) trace->add(SpanKind::evaluate, begin, endpoint_.time().now());
  already_ -= seconds_since(begin);
  waited_before_ += endpoint_.wait_seconds() - waited;
  communicated_before_ += endpoint_.communication_seconds() - communicated;
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
