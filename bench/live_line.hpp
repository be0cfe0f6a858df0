// A line on stderr that follows a run while it goes on.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace sounder::bench {

/// Whether stderr leads to a person: it is a terminal, or a pipe to one (of mpirun: SOUNDER_TERMINAL says so).
bool on_terminal();

/// Silent unless on_terminal().
class LiveLine final {
 public:
  /// `text` is asked for, by a thread of the line's own, a few times a second; "": nothing to show now. It must lock what it reads.
  LiveLine(std::string program, bool quiet, std::function<std::string()> text);
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  /// A sentence on stderr, also where there is no line.
  void say(const std::string& sentence);

 private:
  void show();

  std::string program_;
  std::function<std::string()> text_;
  bool enabled_;
  std::mutex mutex_;  ///< guards `ended_` and stderr
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;
};

/// Seconds on the steady clock.
double now();

/// "bsp x2  epoch 3/10  loss 0.12345  1.2 M examples/s  4 s left". `began`: of now(). `done` of `all` examples.
std::string progress_text(const std::string& label, int epoch, int epochs, double loss, double began, double done, double all);

}  // namespace sounder::bench
