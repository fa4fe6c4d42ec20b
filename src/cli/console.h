// Console: where the program's output goes, and what it may look like there.
//
// Results go to `out`, everything about the run (errors, notes, progress) to `err`. When whoever reads
// `out` has gone (`penstock log dump DIR | head`), the process ends at once, quietly, with exit code 1.
//
// Ownership: the streams stay the caller's. Threading: one thread.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

#include "base/error.h"

namespace penstock::cli {

class Console {
 public:
  Console(std::FILE* out, std::FILE* err);

  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }
  void write(std::string_view text);

  // One line on stderr, after whatever was printed before.
  void complain(std::string_view text);
  void complain(const Error& error) { complain(error.message()); }
  // The same for what is no trouble; only if stderr is a terminal.
  void note(std::string_view text);

  // Writes at least some of `text`, if whoever reads `out` takes it within `patience`; returns how many
  // bytes were taken. For output without end: a slow reader does not hold up what else there is to do.
  // Errors: kClosed (nobody reads any more), kIo, kNoSpace.
  Result<std::size_t> write_some(std::string_view text, std::chrono::milliseconds patience);

  // Replaces the progress line, a few times a second at most, and only if stderr is a terminal.
  void progress(std::string_view line);
  void end_progress();

  // How many characters fit on a line of `out`.
  std::size_t columns() const;
  bool writes_to_terminal() const { return out_is_terminal_; }
  // Whether colours are welcome: `out` is a terminal that is not dumb, and NO_COLOR is not set.
  bool colours() const;

  // Everything printed is with the system. False when it could not be taken (a full disk), which is
  // said.
  bool flush();

 private:
  using SteadyClock = std::chrono::steady_clock;

  // What cannot be said there cannot be said at all: the exit code has to do.
  void write_error(std::string_view text);
  [[noreturn]] void end_quietly();

  std::FILE* out_;
  std::FILE* err_;
  bool out_is_terminal_;
  bool err_is_terminal_;
  std::size_t largest_write_;  // that a descriptor which is ready takes without waiting
  bool progress_shown_ = false;
  SteadyClock::time_point next_progress_{};
};

}  // namespace penstock::cli
