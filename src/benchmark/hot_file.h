// HotFile: a process with a file that it keeps in the page cache by using it, and what somebody else's
// I/O does to it.
//
// Ownership: HotFileProcess owns its process and file; both end with it. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace penstock::benchmark {

struct HotFileOutcome {
  double least_resident = 0;  // shares of its pages in memory, 0 to 1
  double last_resident = 0;
  // Of touching a random page of it:
  double touch_p50_us = 0;
  double touch_p99_us = 0;
  double touch_p999_us = 0;
};

// The process's part: maps the file at `path`, says "ready" on standard output, touches random pages
// until SIGTERM, then prints the outcome. Returns the exit code.
int touch_hot_file(const std::string& path, std::uint64_t size_bytes);

class HotFileProcess {
 public:
  // Writes a file of `size_bytes` at `path` and starts `program bench hot-file` on it, in the control
  // group at `cgroup`. Ready on return. Errors: kIo, kNoSpace, kTimeout.
  static Result<HotFileProcess> start(const std::string& program, const std::string& path,
                                      std::uint64_t size_bytes, const std::string& cgroup);
  HotFileProcess(HotFileProcess&& other) noexcept;
  HotFileProcess& operator=(HotFileProcess&&) = delete;
  ~HotFileProcess();

  // Ends it. Errors: kIo when it died meanwhile.
  Result<HotFileOutcome> stop();

 private:
  HotFileProcess(pid_t pid, int output, std::string path)
      : pid_(pid), output_(output), path_(std::move(path)) {}

  Result<std::string> read_line(std::chrono::milliseconds patience) const;
  void end();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string path_;
};

}  // namespace penstock::benchmark
