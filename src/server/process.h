// The process around the server: its limits, its memory allocator, its signals.
//
// Threading: the main thread, before it starts others (which inherit the signal mask).
#pragma once

#include <csignal>
#include <cstddef>
#include <string_view>

namespace penstock::server {

// Raises the limit of open files as far as it may be raised.
void raise_descriptor_limit();

// The threads that the kernel has started for this process because operations of its io_urings could
// not be queued (io-wq). Any thread.
std::size_t count_kernel_workers();

// Keeps buffers of a few MiB on the heap: by default glibc maps and unmaps each, and the kernel clears
// every page of every request again.
void tune_allocator();

// Makes SIGINT and SIGTERM end the process at once, with a message and the exit code 130 or 143, and
// ignores SIGPIPE and SIGXFSZ, so that a broken connection and a limit on file sizes are errors. For
// the times in which there is nothing to stop gracefully.
void end_at_once_on_signals();

// While one lives, SIGINT and SIGTERM wait to be asked for, in this thread and those that it starts.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals();

  // Waits for one of them and returns it.
  int wait() const;

 private:
  sigset_t held_{};
  sigset_t before_{};
};

// "SIGINT" or "SIGTERM".
std::string_view signal_name(int signal);

}  // namespace penstock::server
