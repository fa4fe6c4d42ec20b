#include "library/engine_core.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

namespace penstock {

namespace {

constexpr std::size_t kMaxWorkerThreads = 256;
constexpr std::size_t kMaxPending = 1 << 20;
// Turns of the scheduler in one poll(), so that coroutines that keep each other ready cannot hold up
// the program's own loop. What is left shows at the descriptor.
constexpr int kMaxTurns = 64;

// While one lives, threads are started with every signal blocked: signals are the program's business.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

Result<void> check(const EngineOptions& options) {
  if (options.worker_threads < 1 || options.worker_threads > kMaxWorkerThreads) {
    return fail(ErrorCode::kInvalidArgument, "EngineOptions::worker_threads is {}; it must be 1 to {}",
                options.worker_threads, kMaxWorkerThreads);
  }
  if (options.pending_max < 1 || options.pending_max > kMaxPending) {
    return fail(ErrorCode::kInvalidArgument, "EngineOptions::pending_max is {}; it must be 1 to {}",
                options.pending_max, kMaxPending);
  }
  return {};
}

// `now + delay`, or never.
Instant later(Instant now, Duration delay) {
  if (delay >= Instant::kNever - now) return Instant::kNever;
  return now + std::max(delay, Duration::zero());
}

}  // namespace

Result<std::unique_ptr<EngineCore>> EngineCore::create(const EngineOptions& options) {
  const Result<void> checked = check(options);
  if (!checked) return Unexpected(checked.error());
  DiskStackOptions stack_options;
  stack_options.uring = options.io_uring;
  stack_options.worker_count_without_uring = options.worker_threads;
  const BlockedSignals blocked;
  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create(stack_options);
  if (!stack) return Unexpected(stack.error());
  Result<ShardReactor> reactor = (*stack)->make_reactor();
  if (!reactor) return Unexpected(reactor.error());
  return std::unique_ptr<EngineCore>(new EngineCore(options, std::move(*stack), std::move(*reactor)));
}

EngineCore::EngineCore(const EngineOptions& options, std::unique_ptr<DiskStack> stack,
                       ShardReactor reactor)
    : pending_max_(options.pending_max),
      stack_(std::move(stack)),
      reactor_(std::move(reactor)),
      scheduler_(clock_, reactor_.reactor()),
      disks_(*stack_, reactor_, scheduler_) {}

EngineCore::~EngineCore() {
  check_thread();
  refuse_misuse(!in_callback_, "an Engine was destroyed in one of its own callbacks");
  finish_everything();
  answered_.clear();  // what the callbacks hold may be files
  refuse_misuse(
      attached_count_ == 0,
      "an Engine was destroyed before the files and caches that were opened on it; declare it "
      "before them");
  finish_everything();
}

void EngineCore::finish_everything() {
  scheduler_.run_to_end();
  stack_->pool().finish_submitted();
}

void EngineCore::check_thread() {
  const std::thread::id here = std::this_thread::get_id();
  if (owner_ == here) [[likely]]
    return;
  refuse_misuse(
      owner_ == std::thread::id(),
      "an Engine, or something opened on it, was used by another thread than the one that used "
      "the Engine first; make one Engine per thread");
  owner_ = here;
}

Result<void> EngineCore::admit() {
  check_thread();
  if (pending_count_ == pending_max_) {
    return fail(
        ErrorCode::kBusy,
        "{} operations are pending, which is EngineOptions::pending_max: call Engine::poll() or "
        "wait() before submitting more",
        pending_count_);
  }
  ++pending_count_;
  return {};
}

void EngineCore::start(Task<void> task) {
  const bool shows_already = scheduler_.has_ready();
  scheduler_.spawn(std::move(task));
  // The kernel has not heard of it yet; poll() will tell it.
  if (is_watched_ && !in_callback_ && !shows_already) scheduler_.wait_outside();
}

void EngineCore::answer(Callback callback) { answered_.push_back(std::move(callback)); }

std::size_t EngineCore::poll() {
  check_thread();
  refuse_misuse(!in_callback_, "Engine::poll() or wait() was called in a callback");
  struct Leaving {
    explicit Leaving(EngineCore& engine) : core(engine) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    // Also when a callback throws.
    ~Leaving() { core.hand_over(); }
    EngineCore& core;
  };
  const Leaving leaving(*this);
  advance();
  return run_callbacks();
}

std::size_t EngineCore::wait(Duration timeout) {
  const Instant deadline = later(clock_.now(), timeout);
  while (true) {
    const std::size_t count = poll();
    if (count > 0 || pending_count_ == 0) return count;
    const Duration left = deadline == Instant::kNever ? Reactor::kForever : deadline - clock_.now();
    if (left <= Duration::zero()) return 0;
    if (answered_.empty()) scheduler_.wait_once(left);
  }
}

Result<int> EngineCore::poll_fd() {
  check_thread();
  const Result<int> descriptor = reactor_.descriptor();
  if (!descriptor) return descriptor;
  is_watched_ = true;
  hand_over();
  return descriptor;
}

void EngineCore::advance() {
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    scheduler_.run_once();
    if (!scheduler_.has_ready()) return;
  }
}

std::size_t EngineCore::run_callbacks() {
  struct InCallback {
    explicit InCallback(EngineCore& engine) : core(engine) { core.in_callback_ = true; }
    InCallback(const InCallback&) = delete;
    InCallback& operator=(const InCallback&) = delete;
    // Also when a callback throws.
    ~InCallback() { core.in_callback_ = false; }
    EngineCore& core;
  };
  const InCallback mark(*this);
  // Only those that are here now: what callbacks submit may end at once, again and again.
  const std::size_t count = answered_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Callback callback = std::move(answered_.front());
    answered_.pop_front();
    --pending_count_;
    callback();
  }
  return count;
}

// The thread is about to leave: what was started goes to the kernel now, not with the next call, and
// what is left for poll() shows at the descriptor.
void EngineCore::hand_over() {
  if (scheduler_.has_ready() || uses_uring()) advance();
  if (!is_watched_) return;
  scheduler_.wait_outside();
  if (!answered_.empty()) reactor_.reactor().wake();
}

}  // namespace penstock
