#include "disk/worker_pool.h"

#include <unistd.h>

#include <algorithm>

namespace penstock {

namespace {

class CloseJob final : public WorkerPool::Job {
 public:
  explicit CloseJob(int fd) : fd_(fd) {}
  void run() override {
    ::close(fd_);
    delete this;
  }

 private:
  int fd_;
};

}  // namespace

WorkerPool::WorkerPool(std::size_t thread_count) : running_(thread_count, kIdle) {
  PENSTOCK_ASSERT(thread_count > 0, "a worker pool without workers");
  threads_.reserve(thread_count);
  for (std::size_t worker = 0; worker < thread_count; ++worker) {
    threads_.emplace_back([this, worker] { work(worker); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  not_empty_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    job.next_ = nullptr;
    job.ticket_ = next_ticket_++;
    (first_ == nullptr ? first_ : last_->next_) = &job;
    last_ = &job;
    queue_length_.fetch_add(1, std::memory_order_relaxed);
  }
  not_empty_.notify_one();
}

void WorkerPool::close_later(int fd) { submit(*new CloseJob(fd)); }

void WorkerPool::finish_submitted() {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = next_ticket_;
  ++finishing_count_;
  job_ended_.wait(lock, [this, ticket] { return all_ended_before(ticket); });
  --finishing_count_;
}

bool WorkerPool::all_ended_before(std::uint64_t ticket) const {
  if (first_ != nullptr && first_->ticket_ < ticket) return false;
  return std::ranges::all_of(running_, [ticket](std::uint64_t running) { return running >= ticket; });
}

void WorkerPool::work(std::size_t worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    not_empty_.wait(lock, [this] { return first_ != nullptr || stopping_; });
    if (first_ == nullptr) return;
    Job* job = first_;
    first_ = job->next_;
    running_[worker] = job->ticket_;
    queue_length_.fetch_sub(1, std::memory_order_relaxed);
    lock.unlock();
    job->run();  // after which the job may be gone
    lock.lock();
    running_[worker] = kIdle;
    if (finishing_count_ > 0) job_ended_.notify_all();
  }
}

}  // namespace penstock
