#include "disk/uring_reactor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include "disk/transfer.h"

namespace penstock {

namespace {

// Completions that belong to no operation.
constexpr std::uint64_t kUnwatched = 0;
constexpr std::uint64_t kWakeFd = 1;

// From the best to what every ring has. All start disabled, so that the ring binds to the thread that
// polls it and not to the one that creates it.
constexpr unsigned kSetupFlags[] = {
    // Linux 6.1: completions are processed only when this thread asks for them.
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    // Linux 5.19: without interrupting this thread.
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};
// Of a thread that does something else meanwhile, or is gone, completions come by themselves only
// without the flags above.
constexpr unsigned kSetupFlagsOfManyThreads[] = {IORING_SETUP_SUBMIT_ALL, 0};

struct Opcode {
  unsigned number;
  const char* name;
};

// What UringDisk and the server's sockets use; Linux 5.15 has them all.
constexpr Opcode kRequiredOpcodes[] = {
    {IORING_OP_READ, "READ"},         {IORING_OP_WRITE, "WRITE"},
    {IORING_OP_FSYNC, "FSYNC"},       {IORING_OP_FALLOCATE, "FALLOCATE"},
    {IORING_OP_OPENAT, "OPENAT"},     {IORING_OP_CLOSE, "CLOSE"},
    {IORING_OP_STATX, "STATX"},       {IORING_OP_RENAMEAT, "RENAMEAT"},
    {IORING_OP_UNLINKAT, "UNLINKAT"}, {IORING_OP_MKDIRAT, "MKDIRAT"},
    {IORING_OP_POLL_ADD, "POLL_ADD"}, {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
    {IORING_OP_ACCEPT, "ACCEPT"},     {IORING_OP_CONNECT, "CONNECT"},
    {IORING_OP_RECV, "RECV"},         {IORING_OP_SEND, "SEND"},
    {IORING_OP_RECVMSG, "RECVMSG"},   {IORING_OP_SENDMSG, "SENDMSG"},
    {IORING_OP_SHUTDOWN, "SHUTDOWN"},
};

// The value of the sysctl kernel.io_uring_disabled; empty before Linux 6.6, which has none.
std::string io_uring_disabled() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  std::string value;
  file >> value;
  return value;
}

Error setup_error(int errno_value) {
  const std::string disabled = io_uring_disabled();
  if (errno_value == EPERM && (disabled == "1" || disabled == "2")) {
    return Error::from_errno(
        errno_value, fmt::format("io_uring_setup (kernel.io_uring_disabled is {}; set it to 0 with "
                                 "sysctl to allow io_uring)",
                                 disabled));
  }
  if (errno_value == EPERM || errno_value == EACCES) {
    return Error::from_errno(
        errno_value,
        fmt::format("io_uring_setup (kernel.io_uring_disabled is {}, so something else denies it: most "
                    "likely a container's seccomp profile, which has to allow io_uring_setup, "
                    "io_uring_enter and io_uring_register)",
                    disabled.empty() ? "absent" : disabled));
  }
  if (errno_value == ENOMEM) {
    return Error::from_errno(errno_value,
                             "io_uring_setup (before Linux 5.12 rings count as locked memory: raise "
                             "RLIMIT_MEMLOCK, `ulimit -l`)");
  }
  return Error::from_errno(errno_value, "io_uring_setup");
}

// What a busy or interrupted kernel may say; the entries stay queued and go with the next poll.
bool is_passing(int result) {
  return result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
         result == -ENOMEM;
}

SystemCall system_call_of(unsigned opcode) {
  switch (opcode) {
    case IORING_OP_OPENAT: return SystemCall::kOpen;
    case IORING_OP_READ: return SystemCall::kRead;
    case IORING_OP_WRITE: return SystemCall::kWrite;
    case IORING_OP_FSYNC: return SystemCall::kSync;
    case IORING_OP_FALLOCATE: return SystemCall::kAllocate;
    case kOpcodeFtruncate: return SystemCall::kTruncate;
    case IORING_OP_STATX: return SystemCall::kStat;
    case IORING_OP_RENAMEAT: return SystemCall::kRename;
    case IORING_OP_UNLINKAT: return SystemCall::kUnlink;
    case IORING_OP_MKDIRAT: return SystemCall::kMakeDirectory;
    default: return SystemCall::kOther;
  }
}

void check_entered(int result) {
  PENSTOCK_ASSERT(result != -EEXIST,
                  "a ring was used from another thread than that of its first poll()");
  PENSTOCK_ASSERT(is_passing(result), "io_uring_enter refused its own ring");
}

}  // namespace

Result<std::unique_ptr<UringReactor>> UringReactor::create(UringOptions options) {
  std::unique_ptr<UringReactor> reactor(new UringReactor());
  const Result<void> ready = reactor->set_up(options);
  if (!ready) return Unexpected(ready.error());
  return reactor;
}

Result<void> UringReactor::set_up(UringOptions options) {
  time_every_ = options.time_every;
  int result = 0;
  const std::span<const unsigned> choices = options.changes_threads
                                                ? std::span<const unsigned>(kSetupFlagsOfManyThreads)
                                                : std::span<const unsigned>(kSetupFlags);
  for (const unsigned flags : choices) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    params.cq_entries = options.completion_entries;
    result = io_uring_queue_init_params(options.submission_entries, &ring_, &params);
    if (result != -EINVAL) break;
  }
  if (result < 0) return Unexpected(setup_error(-result));
  ring_open_ = true;
  wake_fd_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.is_open()) return Unexpected(Error::from_errno(errno, "eventfd"));
  if (options.keep_open >= 0) {
    const int kept = io_uring_register_files(&ring_, &options.keep_open, 1);
    if (kept < 0) return Unexpected(Error::from_errno(-kept, "register a descriptor with io_uring"));
  }
  return check_features();
}

Result<void> UringReactor::check_features() {
  // Linux 5.11: waiting with a timeout in the same call. Without it every wait costs an entry.
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) {
    return fail(ErrorCode::kNotSupported,
                "this kernel's io_uring is too old; Linux 5.15 or newer is needed");
  }
  const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> probe(
      io_uring_get_probe_ring(&ring_), &io_uring_free_probe);
  if (probe == nullptr) {
    return fail(ErrorCode::kNotSupported,
                "io_uring does not tell which operations it has (io_uring_register "
                "was refused, or the kernel is older than Linux 5.6)");
  }
  for (unsigned opcode = 0; opcode < supported_opcodes_.size(); ++opcode) {
    supported_opcodes_[opcode] =
        opcode < probe->ops_len && (probe->ops[opcode].flags & IO_URING_OP_SUPPORTED) != 0;
  }
  for (const Opcode& opcode : kRequiredOpcodes) {
    if (supports(opcode.number)) continue;
    return fail(ErrorCode::kNotSupported,
                "this kernel's io_uring lacks IORING_OP_{}; Linux 5.15 or newer has it", opcode.name);
  }
  return {};
}

UringReactor::~UringReactor() {
  PENSTOCK_ASSERT(in_flight_count_ == 0, "a ring was destroyed with operations in flight");
  if (ring_open_) io_uring_queue_exit(&ring_);
}

bool UringReactor::supports(unsigned opcode) const {
  return opcode < supported_opcodes_.size() && supported_opcodes_[opcode];
}

void UringReactor::poll(Duration max_wait) {
  bind_to_thread();
  clear_loop_fd();
  if (must_watch_wake_fd_) watch_wake_fd();
  if (first_in_line_ != nullptr) {
    submit();
    queue_line();
  }
  UringOperation* const refused = std::exchange(first_refused_, nullptr);
  const bool may_wait = first_in_line_ == nullptr && refused == nullptr;
  if (max_wait > Duration::zero() && may_wait) {
    submit_and_wait(max_wait);
  } else {
    submit();
  }
  reap();
  complete_refused(refused);
}

void UringReactor::wake() {
  const std::uint64_t one = 1;
  // EAGAIN says that the counter is full, so the wake-up is pending anyway.
  [[maybe_unused]] ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
  // Not left to the ring, which is late with an eventfd that is written because another one was.
  const int loop_fd = watched_loop_fd_.load(std::memory_order_acquire);
  if (loop_fd >= 0) written = ::write(loop_fd, &one, sizeof(one));
}

void UringReactor::start(UringOperation& operation, const io_uring_sqe& entry) {
  PENSTOCK_ASSERT(!operation.in_flight_, "an operation was started twice");
  operation.in_flight_ = true;
  ++in_flight_count_;
  operation.fault_ = nullptr;
  if (faults_ != nullptr && refuse(operation, entry.opcode)) [[unlikely]]
    return;
  if (first_in_line_ == nullptr && queue(entry, operation)) return;
  ++stats_.queue_full_count;
  operation.entry_ = &entry;
  operation.next_ = nullptr;
  (first_in_line_ == nullptr ? first_in_line_ : last_in_line_->next_) = &operation;
  last_in_line_ = &operation;
  submit();
  queue_line();
}

bool UringReactor::cancel(UringOperation& operation) {
  if (!operation.in_flight_) return true;
  if (leave_line(operation)) {
    complete(operation, -ECANCELED, 0);
    return true;
  }
  io_uring_sqe entry;
  io_uring_prep_cancel64(&entry, reinterpret_cast<std::uintptr_t>(&operation), 0);
  if (queue(entry, kUnwatched)) return true;
  submit();
  return queue(entry, kUnwatched);
}

void UringReactor::bind_to_thread() {
  if (bound_) return;
  // What io_uring_enable_rings() does; Debian 12's liburing 2.3 declares it and does not export it.
  const long result =
      ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  PENSTOCK_ASSERT(result == 0, "io_uring_enable_rings refused a new ring");
  bound_ = true;
}

Result<int> UringReactor::descriptor() {
  if (loop_fd_.is_open()) return loop_fd_.get();
  bind_to_thread();
  Descriptor fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.is_open()) return Unexpected(Error::from_errno(errno, "eventfd"));
  const int registered = io_uring_register_eventfd(&ring_, fd.get());
  if (registered < 0) {
    return Unexpected(Error::from_errno(-registered, "register an eventfd with io_uring"));
  }
  loop_fd_ = std::move(fd);
  watched_loop_fd_.store(loop_fd_.get(), std::memory_order_release);
  return loop_fd_.get();
}

// Before the ring is looked at: what completes from now on makes it readable again.
void UringReactor::clear_loop_fd() {
  if (!loop_fd_.is_open()) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(loop_fd_.get(), &count, sizeof(count));
}

// A multishot poll: each write to the eventfd completes it once more. The eventfd is never read, so a
// wake-up costs no system call on this side and touches no memory that could outlive the reactor.
void UringReactor::watch_wake_fd() {
  io_uring_sqe entry;
  io_uring_prep_poll_multishot(&entry, wake_fd_.get(), POLLIN);
  must_watch_wake_fd_ = !queue(entry, kWakeFd);
}

bool UringReactor::queue(const io_uring_sqe& entry, std::uint64_t user_data) {
  io_uring_sqe* place = io_uring_get_sqe(&ring_);
  if (place == nullptr) return false;
  *place = entry;
  place->user_data = user_data;
  ++stats_.submitted_count;
  if ((entry.flags & IOSQE_ASYNC) != 0) ++stats_.forced_async_count;
  return true;
}

bool UringReactor::queue(const io_uring_sqe& entry, UringOperation& operation) {
  const auto user_data = reinterpret_cast<std::uintptr_t>(&operation);
  const SystemFault* fault = operation.fault_;
  if (fault == nullptr || fault->kind != SystemFault::Kind::kShortened) [[likely]]
    return queue(entry, user_data);
  io_uring_sqe shortened = entry;
  shortened.len = std::min(entry.len, fault->length_bytes);
  return queue(shortened, user_data);
}

// Draws what is to happen to an operation that starts now; true if it is not to be carried out.
bool UringReactor::refuse(UringOperation& operation, unsigned opcode) {
  operation.fault_ = faults_->next(system_call_of(opcode));
  if (operation.fault_ == nullptr || operation.fault_->kind != SystemFault::Kind::kRefused)
    return false;
  operation.next_ = nullptr;
  (first_refused_ == nullptr ? first_refused_ : last_refused_->next_) = &operation;
  last_refused_ = &operation;
  return true;
}

void UringReactor::complete_refused(UringOperation* operation) {
  while (operation != nullptr) {
    UringOperation* const next = operation->next_;  // it may be gone once it has completed
    complete(*operation, -operation->fault_->errno_value, 0);
    operation = next;
  }
}

void UringReactor::queue_line() {
  while (first_in_line_ != nullptr) {
    UringOperation* operation = first_in_line_;
    if (!queue(*operation->entry_, *operation)) return;
    first_in_line_ = operation->next_;
  }
}

bool UringReactor::leave_line(UringOperation& operation) {
  UringOperation* before = nullptr;
  for (UringOperation* other = first_in_line_; other != nullptr; before = other, other = other->next_) {
    if (other != &operation) continue;
    (before == nullptr ? first_in_line_ : before->next_) = other->next_;
    if (last_in_line_ == other) last_in_line_ = before;
    return true;
  }
  return false;
}

bool UringReactor::kernel_has_work() const {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void UringReactor::submit() {
  bind_to_thread();
  if (io_uring_sq_ready(&ring_) == 0 && !kernel_has_work()) return;
  ++stats_.enter_count;
  if (time_every_ == 0) {
    check_entered(io_uring_submit_and_get_events(&ring_));
    return;
  }
  const bool submits = io_uring_sq_ready(&ring_) > 0;
  const auto begin = std::chrono::steady_clock::now();
  check_entered(io_uring_submit_and_get_events(&ring_));
  const Duration took = std::chrono::steady_clock::now() - begin;
  submitting_time_ += took;
  if (submits) stats_.submit_latency.add(took);
}

// Of a submission and a wait in one system call nobody can tell how long the submission took.
bool UringReactor::is_to_be_timed() {
  if (time_every_ == 0 || io_uring_sq_ready(&ring_) == 0) return false;
  if (++untimed_count_ < time_every_) return false;
  untimed_count_ = 0;
  return true;
}

void UringReactor::submit_and_wait(Duration max_wait) {
  if (is_to_be_timed()) {
    submit();
    // Something may have completed at once.
    if (io_uring_cq_ready(&ring_) > 0) return;
  }
  io_uring_cqe* completion = nullptr;
  ++stats_.enter_count;
  if (max_wait == kForever) {
    check_entered(io_uring_submit_and_wait(&ring_, 1));
    return;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(max_wait);
  __kernel_timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (max_wait - seconds).count()};
  check_entered(io_uring_submit_and_wait_timeout(&ring_, &completion, 1, &timeout, nullptr));
}

void UringReactor::reap() {
  // Only what is there now: completing one operation may start others.
  for (unsigned count = io_uring_cq_ready(&ring_); count > 0; --count) {
    const unsigned head = *ring_.cq.khead;
    const io_uring_cqe completion = ring_.cq.cqes[head & *ring_.cq.kring_mask];
    io_uring_cq_advance(&ring_, 1);
    finish(completion);
  }
}

void UringReactor::finish(const io_uring_cqe& completion) {
  if (completion.user_data == kUnwatched) return;
  if (completion.user_data == kWakeFd) {
    must_watch_wake_fd_ = (completion.flags & IORING_CQE_F_MORE) == 0;
    return;
  }
  complete(*reinterpret_cast<UringOperation*>(completion.user_data), completion.res, completion.flags);
}

void UringReactor::complete(UringOperation& operation, int result, unsigned flags) {
  const SystemFault* fault = operation.fault_;
  if (fault != nullptr && fault->kind == SystemFault::Kind::kMisreported) [[unlikely]]
    result = -fault->errno_value;
  ++stats_.completed_count;
  if (result < 0 && is_turned_away(-result)) ++stats_.turned_away_count;
  if ((flags & IORING_CQE_F_MORE) == 0) {
    operation.in_flight_ = false;
    --in_flight_count_;
  }
  operation.complete(result, flags);
}

void UringCall::complete(int result, unsigned /*flags*/) {
  result_ = result;
  scheduler_.ready(awaiter_);
}

}  // namespace penstock
