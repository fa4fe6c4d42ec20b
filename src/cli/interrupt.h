// Interrupt: SIGINT (Ctrl-C) and SIGTERM, for a command that has something to finish first.
//
// The first signal asks the command to come to an end; the second one to drop what it still waits for;
// the third ends the process at once.
//
// Ownership: owns the handling of the two signals while it lives, so there is one at a time.
// Threading: one thread; the signals may come in any.
#pragma once

#include <csignal>

#include "disk/descriptor.h"

namespace penstock::cli {

class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  // How many signals have come.
  int count() const;
  bool is_requested() const { return count() >= 1; }
  bool is_urgent() const { return count() >= 2; }

  // Readable when a signal has come since the last drain(). Drain first, then look at count().
  int descriptor() const { return event_.get(); }
  void drain() const;

  // As shells tell the end by a signal: 130 or 143.
  int exit_code() const;

 private:
  Descriptor event_;
  struct sigaction interrupt_before_{};
  struct sigaction terminate_before_{};
};

}  // namespace penstock::cli
