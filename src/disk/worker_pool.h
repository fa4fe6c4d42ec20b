// WorkerPool: a few threads for system calls that would block a scheduler's thread.
//
// A call waits in line, runs on one of the threads, and its result comes back to the coroutine's own
// scheduler as Mail. The line has no memory of its own: a waiting call lives in the frame of the
// coroutine that waits for it, so the line is as long as its callers' own limits let it be.
//
// Ownership: the pool must outlive every scheduler and disk that uses it. Its destructor finishes what
// is in line and joins the threads. Threading: any thread may call.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "task/scheduler.h"

namespace penstock {

class WorkerPool {
 public:
  // Something to do. The caller owns it and keeps it alive until run() has returned.
  class Job {
   public:
    // On a worker. May end the job's own life.
    virtual void run() = 0;

   protected:
    ~Job() = default;

   private:
    friend class WorkerPool;
    Job* next_ = nullptr;
    std::uint64_t ticket_ = 0;
  };

  explicit WorkerPool(std::size_t thread_count = 2);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // Runs `job` on one of the threads; jobs start in the order of asking.
  void submit(Job& job);

  // Closes `fd` on one of the threads: the last close of a removed file frees its blocks, which can
  // take long.
  void close_later(int fd);

  // Blocks until everything submitted before this call has ended. A scheduler whose calls ran here must
  // not be destroyed before: a worker may still be on its way out of post().
  void finish_submitted();

  std::size_t thread_count() const { return threads_.size(); }
  // How many jobs wait for a thread.
  std::size_t queue_length() const { return queue_length_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kIdle = UINT64_MAX;

  void work(std::size_t worker);
  bool all_ended_before(std::uint64_t ticket) const;

  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable job_ended_;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  std::uint64_t next_ticket_ = 0;
  std::vector<std::uint64_t> running_;  // by worker: the ticket of its job, or kIdle
  std::size_t finishing_count_ = 0;     // threads inside finish_submitted()
  bool stopping_ = false;
  std::atomic<std::size_t> queue_length_{0};
  std::vector<std::thread> threads_;
};

// Where blocking calls run: on the calling thread at once, or on a pool for a scheduler.
struct BlockingExecutor {
  WorkerPool* pool = nullptr;
  Scheduler* scheduler = nullptr;
};

// `co_await BlockingCall(executor, function)`: the result of `function()`, run where the executor says.
// On the calling thread it never suspends, so a coroutine over it runs straight through.
//
// `function` is a named local of the awaiting coroutine (see task.h on temporaries) and is called once.
template <typename Function>
class [[nodiscard]] BlockingCall {
 public:
  using T = std::invoke_result_t<Function&>;

  BlockingCall(const BlockingExecutor& executor, Function& function)
      : executor_(executor), function_(function), job_(*this), reply_(*this) {}
  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;

  bool await_ready() {
    if (executor_.pool != nullptr) return false;
    result_.emplace(function_());
    return true;
  }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    executor_.pool->submit(job_);
  }
  T await_resume() { return std::move(*result_); }

 private:
  struct PoolJob final : WorkerPool::Job {
    explicit PoolJob(BlockingCall& owner) : call(owner) {}
    void run() override {
      call.result_.emplace(call.function_());
      call.executor_.scheduler->post(call.reply_);
    }
    BlockingCall& call;
  };
  struct Reply final : Mail {
    explicit Reply(BlockingCall& owner) : call(owner) {}
    void deliver() override { call.executor_.scheduler->ready(call.awaiter_); }
    BlockingCall& call;
  };

  BlockingExecutor executor_;
  Function& function_;
  PoolJob job_;
  Reply reply_;
  std::optional<T> result_;
  std::coroutine_handle<> awaiter_;
};

}  // namespace penstock
