#include "disk/worker_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "disk/descriptor.h"
#include "task/epoll_reactor.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

class WorkerPoolTest : public testing::Test {
 protected:
  WorkerPoolTest() : reactor_(std::move(*EpollReactor::create())), scheduler_(clock_, *reactor_) {}

  // The thread that a call under `executor` runs on.
  static Task<std::thread::id> thread_of_call(BlockingExecutor executor) {
    auto call = [] { return std::this_thread::get_id(); };
    co_return co_await BlockingCall(executor, call);
  }

  static Task<void> count_up(BlockingExecutor executor, std::atomic<int>& calls, int& ended_count) {
    auto call = [&calls] { return ++calls; };
    co_await BlockingCall(executor, call);
    ++ended_count;
  }

  static Task<void> wait_for(Scheduler& scheduler, const int& count, int goal) {
    while (count < goal) co_await scheduler.sleep_for(100us);
  }

  SystemClock clock_;
  WorkerPool pool_{3};
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
};

TEST_F(WorkerPoolTest, ACallRunsOnAnotherThread) {
  const std::thread::id thread =
      scheduler_.run(thread_of_call({.pool = &pool_, .scheduler = &scheduler_}));
  EXPECT_NE(thread, std::this_thread::get_id());
  pool_.finish_submitted();
}

TEST_F(WorkerPoolTest, WithoutAPoolACallRunsRightHere) {
  EXPECT_EQ(scheduler_.run(thread_of_call({})), std::this_thread::get_id());
}

TEST_F(WorkerPoolTest, EveryCallComesBack) {
  std::atomic<int> calls{0};
  int ended_count = 0;
  const BlockingExecutor executor{.pool = &pool_, .scheduler = &scheduler_};
  for (int i = 0; i < 1000; ++i) scheduler_.spawn(count_up(executor, calls, ended_count));
  scheduler_.run(wait_for(scheduler_, ended_count, 1000));
  EXPECT_EQ(calls, 1000);
  EXPECT_EQ(pool_.queue_length(), 0U);
  pool_.finish_submitted();
}

class SlowJob final : public WorkerPool::Job {
 public:
  void run() override {
    std::this_thread::sleep_for(5ms);
    ended = true;
  }
  std::atomic<bool> ended{false};
};

TEST_F(WorkerPoolTest, FinishSubmittedWaitsForJobsInLineAndAtWork) {
  std::array<SlowJob, 10> jobs;
  for (SlowJob& job : jobs) pool_.submit(job);
  pool_.finish_submitted();
  for (const SlowJob& job : jobs) EXPECT_TRUE(job.ended);
}

TEST_F(WorkerPoolTest, TheDestructorFinishesWhatIsInLine) {
  std::array<SlowJob, 10> jobs;
  {
    WorkerPool pool(1);
    for (SlowJob& job : jobs) pool.submit(job);
  }
  for (const SlowJob& job : jobs) EXPECT_TRUE(job.ended);
}

TEST_F(WorkerPoolTest, CloseLaterCloses) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor read_end(ends[0]);
  pool_.close_later(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0)
      << "the end of the pipe: nobody has the other side open";
}

}  // namespace
}  // namespace penstock
