#include "task/abort_source.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "task/epoll_reactor.h"
#include "task/sim_reactor.h"

namespace penstock {
namespace {

class AbortTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
};

Task<void> wait_or_abort(Scheduler& scheduler, AbortSource* source, Instant& ended) {
  Event woken(scheduler);
  const AbortSource::Wake wake(source, woken);
  co_await woken.wait_until(scheduler.now() + std::chrono::seconds(60));
  ended = scheduler.now();
}

Task<void> abort_after(Scheduler& scheduler, AbortSource& source, Duration delay) {
  co_await scheduler.sleep_for(delay);
  source.abort();
  source.abort();
}

TEST_F(AbortTest, EndsEveryWaitThatHasSubscribedAndLeavesOthers) {
  AbortSource source;
  const Instant begin = clock_.now();
  Instant first;
  Instant second;
  Instant other;
  scheduler_.spawn(wait_or_abort(scheduler_, &source, first));
  scheduler_.spawn(wait_or_abort(scheduler_, &source, second));
  scheduler_.spawn(wait_or_abort(scheduler_, nullptr, other));
  scheduler_.spawn(abort_after(scheduler_, source, std::chrono::seconds(5)));
  scheduler_.run_to_end();
  EXPECT_EQ(first - begin, std::chrono::seconds(5));
  EXPECT_EQ(second - begin, std::chrono::seconds(5));
  EXPECT_EQ(other - begin, std::chrono::seconds(60));
}

TEST_F(AbortTest, AWaitThatBeginsLaterEndsAtOnce) {
  AbortSource source;
  source.abort();
  EXPECT_TRUE(source.is_aborted());
  const Instant begin = clock_.now();
  Instant ended;
  scheduler_.run(wait_or_abort(scheduler_, &source, ended));
  EXPECT_EQ(ended, begin);
}

TEST_F(AbortTest, WhoHasUnsubscribedIsNotTold) {
  AbortSource source;
  Event woken(scheduler_);
  {
    const AbortSource::Wake wake(&source, woken);
  }
  source.abort();
  EXPECT_FALSE(woken.is_set());
}

// A scheduler with a thread of its own, as another shard has.
struct OtherThread {
  OtherThread() {
    thread = std::thread([this] { scheduler.run_until_stopped(); });
  }
  ~OtherThread() {
    scheduler.stop();
    thread.join();
  }
  SystemClock clock;
  std::unique_ptr<EpollReactor> reactor = EpollReactor::create().value();
  Scheduler scheduler{clock, *reactor};
  std::thread thread;
};

Task<bool> wait_there(Scheduler& there, AbortSource& source) {
  Event woken(there);
  const AbortSource::Wake wake(&source, woken);
  const bool was_aborted = co_await woken.wait_until(there.now() + std::chrono::seconds(60));
  co_return was_aborted;
}

Task<bool> wait_elsewhere(Scheduler& home, Scheduler& there, AbortSource& source) {
  RemoteAbort remote(source, home, there);
  auto wait = [&] { return wait_there(there, remote.source()); };
  const bool was_aborted = co_await call_on(home, there, wait);
  co_await remote.settle();
  co_return was_aborted;
}

class RemoteAbortTest : public ::testing::Test {
 protected:
  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_ = EpollReactor::create().value();
  Scheduler scheduler_{clock_, *reactor_};
};

TEST_F(RemoteAbortTest, CarriesAnAbortToAnotherThread) {
  OtherThread other;
  for (int round = 0; round < 50; ++round) {
    AbortSource source;
    scheduler_.spawn(abort_after(scheduler_, source, std::chrono::microseconds(round * 20)));
    EXPECT_TRUE(scheduler_.run(wait_elsewhere(scheduler_, other.scheduler, source)));
  }
}

TEST_F(RemoteAbortTest, CarriesAnEarlierAbortToo) {
  OtherThread other;
  AbortSource source;
  source.abort();
  EXPECT_TRUE(scheduler_.run(wait_elsewhere(scheduler_, other.scheduler, source)));
}

TEST_F(RemoteAbortTest, NeedsNoMessageOnItsOwnThread) {
  AbortSource source;
  scheduler_.spawn(abort_after(scheduler_, source, std::chrono::milliseconds(1)));
  EXPECT_TRUE(scheduler_.run(wait_elsewhere(scheduler_, scheduler_, source)));
}

Task<bool> end_at_once(Scheduler& home, Scheduler& there, AbortSource& source) {
  RemoteAbort remote(source, home, there);
  auto nothing = []() -> Task<bool> { co_return true; };
  source.abort();  // its message is still on the way when the call is over
  co_await call_on(home, there, nothing);
  co_await remote.settle();
  co_return true;
}

TEST_F(RemoteAbortTest, OutlivesAMessageThatComesTooLate) {
  OtherThread other;
  for (int round = 0; round < 200; ++round) {
    AbortSource source;
    EXPECT_TRUE(scheduler_.run(end_at_once(scheduler_, other.scheduler, source)));
  }
}

}  // namespace
}  // namespace penstock
