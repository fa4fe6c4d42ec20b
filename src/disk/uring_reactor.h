// UringReactor: one io_uring, and the reactor of the thread that uses it.
//
// Files (UringDisk) and the server's sockets share it. An operation is a filled-in submission entry
// (io_uring_prep_* on a local io_uring_sqe) that is awaited:
//
//     io_uring_sqe entry;
//     io_uring_prep_recv(&entry, socket, buffer, size, 0);
//     const int received = co_await ring.call(scheduler, entry);   // bytes, or a negative errno
//
// Entries queue in user space and go to the kernel with the scheduler's next poll(), which submits,
// waits and reaps in one system call. Nothing is allocated per operation.
//
// Ownership: the entry, everything it points to, and the coroutine's frame belong to the operation
// until its completion has come: a frame with an operation in flight must never be destroyed
// (asserted). To end one early, cancel() it and still wait. All operations must have ended before the
// reactor is destroyed (asserted). Threading: create() on any thread; the first poll() binds the ring
// to its thread (SINGLE_ISSUER), and from then on only that thread may use it, except for wake(). With
// UringOptions::changes_threads any thread may, one at a time.
#pragma once

#include <liburing.h>

#include <atomic>
#include <bitset>
#include <coroutine>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/latency_histogram.h"
#include "disk/descriptor.h"
#include "disk/system_faults.h"
#include "task/reactor.h"
#include "task/scheduler.h"

namespace penstock {

// Linux 6.9; newer than Debian 12's liburing, so the number is ours. Ask supports() before use.
inline constexpr unsigned kOpcodeFtruncate = 55;

struct UringOptions {
  // Submissions that fit into one system call. More than that at once costs a system call more.
  unsigned submission_entries = 256;
  // Completions that can wait to be reaped; the kernel keeps the rest aside, at a cost.
  unsigned completion_entries = 4096;
  // A descriptor that the ring keeps open until the last of its operations has ended, also when the
  // process is killed; none if negative. Stays the caller's.
  int keep_open = -1;
  // Of the submissions that would go in one system call with a wait, every how many-th is made by
  // itself and timed; those that go without a wait always are. 1: all of them. 0: nothing is timed.
  unsigned time_every = 0;
  // One thread at a time uses the ring, but not always the same one.
  bool changes_threads = false;
};

// Counters since creation, for metrics.
struct UringStats {
  std::uint64_t enter_count = 0;       // io_uring_enter system calls
  std::uint64_t submitted_count = 0;   // operations handed to the kernel
  std::uint64_t completed_count = 0;   // completions reaped
  std::uint64_t queue_full_count = 0;  // operations that found the submission queue full
  // Operations that had to run on one of the kernel's worker threads because they asked for it: what
  // was turned away is made again with IOSQE_ASYNC. The kernel also moves operations there by itself,
  // and tells nobody: this is the part that can be seen, and a lower bound.
  std::uint64_t forced_async_count = 0;
  std::uint64_t turned_away_count = 0;  // completions with EAGAIN, EINTR or ECANCELED
  LatencyHistogram submit_latency;      // of each submission that is timed
};

// What receives the completions of one submission. UringCall is the one for everyday use; derive
// another for multishot operations, which complete more than once.
class UringOperation {
 public:
  // `result` is a count or a negative errno; `flags` are IORING_CQE_F_*: with IORING_CQE_F_MORE, more
  // completions follow. Must not resume coroutines, only make them ready.
  virtual void complete(int result, unsigned flags) = 0;
  bool is_in_flight() const { return in_flight_; }

 protected:
  UringOperation() = default;
  UringOperation(const UringOperation&) = delete;
  UringOperation& operator=(const UringOperation&) = delete;
  ~UringOperation() { PENSTOCK_ASSERT(!in_flight_, "an io_uring operation was destroyed in flight"); }

 private:
  friend class UringReactor;
  const io_uring_sqe* entry_ = nullptr;  // while in line
  const SystemFault* fault_ = nullptr;   // what a test has happen to it
  UringOperation* next_ = nullptr;
  bool in_flight_ = false;
};

class UringCall;

class UringReactor final : public Reactor {
 public:
  // Errors: kPermission (denied by kernel.io_uring_disabled or by a container's seccomp profile),
  // kNotSupported (no io_uring, or too old a kernel: the message names what is missing), kIo.
  static Result<std::unique_ptr<UringReactor>> create(UringOptions options = {});
  UringReactor(const UringReactor&) = delete;
  UringReactor& operator=(const UringReactor&) = delete;
  ~UringReactor() override;

  void poll(Duration max_wait) override;
  void wake() override;
  Duration submitting_time() const override { return submitting_time_; }

  // Readable when poll() has something to do, other than to submit: for a loop of somebody else's. An
  // eventfd, because with DEFER_TASKRUN the ring's own descriptor wakes nobody (Linux 6.3 and later);
  // made when first asked for, on the reactor's thread, and from then on each poll() costs a system
  // call more. Errors: kIo when the system grants no more descriptors.
  Result<int> descriptor();

  // Awaits `entry`: the result is a count or a negative errno.
  UringCall call(Scheduler& scheduler, const io_uring_sqe& entry);

  // Queues `entry`, whose completions go to `operation`; its user_data is set here. Both, and what the
  // entry points to, stay until the last completion.
  void start(UringOperation& operation, const io_uring_sqe& entry);

  // Asks the kernel to end `operation`, which then completes with -ECANCELED unless its own result
  // comes first. I/O that has reached a device cannot be cancelled. Wait for the completion in any
  // case. False when the kernel is too busy to take the request now.
  bool cancel(UringOperation& operation);

  // Whether this kernel has an opcode beyond those that create() requires.
  bool supports(unsigned opcode) const;

  // Asks `faults` about every operation that is started from now on; null for none. For tests. An
  // operation that is refused completes in a later poll(), as all do.
  void set_faults(SystemFaults* faults) { faults_ = faults; }

  // Operations that have been started and have not completed.
  std::size_t in_flight_count() const { return in_flight_count_; }
  const UringStats& stats() const { return stats_; }

 private:
  UringReactor() = default;
  Result<void> set_up(UringOptions options);
  Result<void> check_features();

  void bind_to_thread();
  void watch_wake_fd();
  bool queue(const io_uring_sqe& entry, std::uint64_t user_data);
  bool queue(const io_uring_sqe& entry, UringOperation& operation);
  void queue_line();
  bool leave_line(UringOperation& operation);
  void submit();
  void submit_and_wait(Duration max_wait);
  bool is_to_be_timed();
  bool kernel_has_work() const;
  void clear_loop_fd();
  void reap();
  void finish(const io_uring_cqe& completion);
  void complete(UringOperation& operation, int result, unsigned flags);
  bool refuse(UringOperation& operation, unsigned opcode);
  void complete_refused(UringOperation* operation);

  io_uring ring_{};
  bool ring_open_ = false;
  bool bound_ = false;
  bool must_watch_wake_fd_ = true;
  Descriptor wake_fd_;
  Descriptor loop_fd_;
  std::atomic<int> watched_loop_fd_{-1};     // the same, for wake()
  UringOperation* first_in_line_ = nullptr;  // for a free submission entry
  UringOperation* last_in_line_ = nullptr;
  SystemFaults* faults_ = nullptr;
  UringOperation* first_refused_ = nullptr;  // by a fault; they complete with the next poll
  UringOperation* last_refused_ = nullptr;
  std::size_t in_flight_count_ = 0;
  std::bitset<256> supported_opcodes_;
  UringStats stats_;
  unsigned time_every_ = 0;
  unsigned untimed_count_ = 0;  // since the last submission that was timed
  Duration submitting_time_{};
};

class [[nodiscard]] UringCall final : public UringOperation {
 public:
  UringCall(UringReactor& reactor, Scheduler& scheduler, const io_uring_sqe& entry)
      : reactor_(reactor), scheduler_(scheduler), entry_(entry) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    reactor_.start(*this, entry_);
  }
  int await_resume() const { return result_; }

 private:
  void complete(int result, unsigned flags) override;

  UringReactor& reactor_;
  Scheduler& scheduler_;
  const io_uring_sqe& entry_;
  std::coroutine_handle<> awaiter_;
  int result_ = 0;
};

inline UringCall UringReactor::call(Scheduler& scheduler, const io_uring_sqe& entry) {
  return {*this, scheduler, entry};
}

}  // namespace penstock
