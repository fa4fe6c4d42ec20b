#include "cli/interrupt.h"

#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/assert.h"

namespace penstock::cli {

namespace {

constexpr int kSignalExitBase = 128;
constexpr int kEndsAtOnce = 3;

// What the handler may touch.
std::atomic<int> signal_count{0};
std::atomic<int> last_signal{SIGINT};
std::atomic<int> event{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  const int errno_before = errno;
  last_signal = signal;
  if (++signal_count >= kEndsAtOnce) ::_exit(kSignalExitBase + signal);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof(one));
  errno = errno_before;
}

}  // namespace

Interrupt::Interrupt() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PENSTOCK_ASSERT(event_.is_open(), "no descriptor is left for an eventfd");
  PENSTOCK_ASSERT(event == -1, "two owners of the signals");
  signal_count = 0;
  event = event_.get();
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // who has to notice polls descriptor()
  ::sigaction(SIGINT, &action, &interrupt_before_);
  ::sigaction(SIGTERM, &action, &terminate_before_);
}

Interrupt::~Interrupt() {
  ::sigaction(SIGINT, &interrupt_before_, nullptr);
  ::sigaction(SIGTERM, &terminate_before_, nullptr);
  event = -1;
}

int Interrupt::count() const { return signal_count; }

void Interrupt::drain() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof(count));
}

int Interrupt::exit_code() const { return kSignalExitBase + last_signal; }

}  // namespace penstock::cli
