// The transport over the MPI library.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport/mpi.hpp"
#include "transport/mpi/arrivals.hpp"
#include "transport/mpi/calls.hpp"
#include "transport/mpi/idle.hpp"
#include "transport/mpi/library_window.hpp"
#include "transport/mpi/requests.hpp"
#include "transport/mpi/shared_memory.hpp"

namespace sounder::mpi {

class LibraryTransport final : public MpiTransport {
 public:
  /// Over duplicates of `parent`. `finalize`: MPI, at the end.
  LibraryTransport(MPI_Comm parent, bool finalize);
  ~LibraryTransport() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(int to, Frame frame) override;
  std::shared_ptr<std::byte[]> memory(int to, std::size_t bytes) override;
  std::optional<Frame> receive() override;
  bool flushed() override;
  void sleep(double seconds) override { idle_.sleep(seconds, busy_.load(std::memory_order_relaxed)); }
  void rest(double seconds) override { idle_.rest(seconds); }
  void wake() override { idle_.wake(); }
  bool ends_together() const override { return true; }
  bool wants_help() const override { return roomy_; }
  bool hands_over() const override { return false; }
  std::string name() const override { return name_; }
  void abandon() override;
  void abort(int status) override;
  MPI_Comm communicator() override { return reductions_; }
  std::unique_ptr<Window> open_window(std::span<const float> own, std::size_t counts) override {
    return std::make_unique<LibraryWindow>(reductions_, own, counts);
  }

 private:
  const bool finalize_;
  const std::string name_;
  MPI_Comm headers_, payloads_, reductions_;
  const int rank_, size_;
  const std::vector<bool> far_;  ///< ranks on other machines
  const bool roomy_;              ///< the ranks on this machine have a core each
  SharedMemory shared_;
  Requests<std::shared_ptr<const void>> sends_;
  Arrivals arrivals_;
  Idle idle_;
  // Written by: whoever calls the transport. Read by: the communication thread that sleeps. Relaxed: a hint.
  std::atomic<bool> busy_{false};  ///< the library has messages of this rank under way
  bool abandoned_ = false;
};

}  // namespace sounder::mpi
