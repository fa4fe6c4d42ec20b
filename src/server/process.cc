#include "server/process.h"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "base/assert.h"
#include "base/units.h"

namespace penstock::server {

namespace {

// Shells' convention for a process that a signal ended.
constexpr int kSignalExitBase = 128;

// Buffers up to this size stay on the heap; the largest that glibc accepts (half of an arena's heap).
constexpr int kHeapBufferBytes = 32 * kMiB;
// Free memory at the end of the heap that is kept for the next burst of requests.
constexpr int kKeptBytes = 256 * kMiB;

void end_at_once(int signal) {
  const char* message =
      signal == SIGINT ? "penstock: ended at once by SIGINT\n" : "penstock: ended at once by SIGTERM\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message, std::strlen(message));
  ::_exit(kSignalExitBase + signal);
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    spdlog::warn("cannot raise the limit of open files (ulimit -n)");
}

std::size_t count_kernel_workers() {
  std::size_t count = 0;
  std::error_code ignored;  // a thread can end while it is looked at
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    if (name.starts_with("iou-wrk-")) ++count;
  }
  return count;
}

void tune_allocator() {
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread has been started yet.
  ::mallopt(M_MMAP_THRESHOLD, kHeapBufferBytes);
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  // NOLINTEND(concurrency-mt-unsafe)
}

void end_at_once_on_signals() {
  struct sigaction action{};
  action.sa_handler = end_at_once;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

HeldSignals::HeldSignals() {
  ::sigemptyset(&held_);
  ::sigaddset(&held_, SIGINT);
  ::sigaddset(&held_, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int HeldSignals::wait() const {
  int signal = 0;
  const int error = ::sigwait(&held_, &signal);
  PENSTOCK_ASSERT(error == 0, "sigwait refused its set of signals");
  return signal;
}

std::string_view signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

}  // namespace penstock::server
