// EngineCore: what is behind an Engine. The scheduler and what it runs on, the disks, and the
// operations that a program submitted.
//
// A submitted operation passes three places: admit() counts it, start() runs it on the scheduler, and
// answer() puts its callback in line for poll(). Callbacks run outside of the scheduler, so they may
// use the blocking door.
//
// Ownership: everything opened on it holds an Attachment and must be gone before it (refused). Its
// destructor waits for what is in flight. Threading: one thread, the first to use it (refused).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "library/disk_set.h"
#include "library/misuse.h"
#include "penstock/engine.h"

namespace penstock {

class EngineCore {
 public:
  using Callback = std::move_only_function<void()>;
  class Attachment;

  // Errors: see Engine::create().
  static Result<std::unique_ptr<EngineCore>> create(const EngineOptions& options);
  EngineCore(const EngineCore&) = delete;
  EngineCore& operator=(const EngineCore&) = delete;
  ~EngineCore();

  Scheduler& scheduler() { return scheduler_; }
  DiskSet& disks() { return disks_; }
  bool uses_uring() const { return stack_->uses_uring(); }
  const std::string& uring_reason() const { return stack_->uring_reason(); }

  // Refuses any thread but the first.
  void check_thread();

  // The blocking door: runs `task` to its end.
  template <typename T>
  T run(Task<T> task) {
    check_thread();
    T result = scheduler_.run(std::move(task));
    hand_over();
    return result;
  }
  void run(Task<void> task) {
    check_thread();
    scheduler_.run(std::move(task));
    hand_over();
  }

  // Counts an operation until its callback runs. Errors: kBusy.
  Result<void> admit();
  // Runs `task` from the next poll() on.
  void start(Task<void> task);
  // The next poll() runs `callback`, and counts its operation as over.
  void answer(Callback callback);

  std::size_t poll();
  std::size_t wait(Duration timeout);
  Result<int> poll_fd();
  std::size_t pending_count() const { return pending_count_; }

 private:
  EngineCore(const EngineOptions& options, std::unique_ptr<DiskStack> stack, ShardReactor reactor);

  void advance();
  std::size_t run_callbacks();
  void hand_over();
  void finish_everything();

  SystemClock clock_;
  std::size_t pending_max_;
  std::unique_ptr<DiskStack> stack_;
  ShardReactor reactor_;
  Scheduler scheduler_;
  DiskSet disks_;

  std::thread::id owner_;  // the default: not used yet
  std::size_t attached_count_ = 0;
  std::size_t pending_count_ = 0;
  std::deque<Callback> answered_;
  bool in_callback_ = false;
  bool is_watched_ = false;  // somebody may wait for poll_fd()
};

// While it lives, its engine must. Moves with what holds it.
class EngineCore::Attachment {
 public:
  explicit Attachment(EngineCore& core) : core_(&core) { ++core.attached_count_; }
  Attachment(Attachment&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  Attachment& operator=(Attachment&&) = delete;
  ~Attachment() {
    if (core_ == nullptr) return;
    core_->check_thread();
    --core_->attached_count_;
  }

  EngineCore& core() const { return *core_; }

 private:
  EngineCore* core_;
};

}  // namespace penstock
