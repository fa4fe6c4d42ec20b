// What both reactors promise to a scheduler and to other threads.

#include <gtest/gtest.h>

#include <poll.h>

#include <chrono>
#include <thread>
#include <vector>

#include "disk/uring_reactor.h"
#include "task/clock.h"
#include "task/epoll_reactor.h"
#include "task/remote.h"
#include "task/scheduler.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;

template <typename R>
class ReactorContract : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<R>> made = R::create();
    if (!made) GTEST_SKIP() << made.error().message();
    reactor_ = std::move(*made);
  }

  static Duration time_of_poll(R& reactor, Duration max_wait) {
    const SystemClock clock;
    const Instant start = clock.now();
    reactor.poll(max_wait);
    return clock.now() - start;
  }

  // How many polls it takes to wait for `time`. One may end early for no reason (a signal, the kernel's
  // own work on this thread after another ring was closed), but not every one.
  int polls_that_fill(Duration time) {
    const Instant end = clock_.now() + time;
    int count = 0;
    while (clock_.now() < end) {
      reactor_->poll(end - clock_.now());
      ++count;
    }
    return count;
  }

  std::unique_ptr<R> reactor_;
  SystemClock clock_;
};

using Reactors = testing::Types<EpollReactor, UringReactor>;
TYPED_TEST_SUITE(ReactorContract, Reactors);

TYPED_TEST(ReactorContract, APollOfZeroDoesNotWait) {
  EXPECT_LT(TestFixture::time_of_poll(*this->reactor_, Duration::zero()), 1s);
}

TYPED_TEST(ReactorContract, APollWaitsForItsTimeAndNotMuchLonger) {
  const Instant start = this->clock_.now();
  EXPECT_LT(this->polls_that_fill(5ms), 10);
  EXPECT_LT(this->clock_.now() - start, 5s);
}

TYPED_TEST(ReactorContract, AWakeBeforeAPollEndsIt) {
  this->reactor_->poll(Duration::zero());
  this->reactor_->wake();
  EXPECT_LT(TestFixture::time_of_poll(*this->reactor_, 60s), 30s);
}

TYPED_TEST(ReactorContract, AWakeBeforeTheFirstPollEndsIt) {
  this->reactor_->wake();
  EXPECT_LT(TestFixture::time_of_poll(*this->reactor_, 60s), 30s);
}

TYPED_TEST(ReactorContract, AWakeIsUsedUp) {
  this->reactor_->wake();
  this->reactor_->poll(60s);
  EXPECT_LT(this->polls_that_fill(5ms), 10);
}

TYPED_TEST(ReactorContract, AWakeFromAnotherThreadEndsAPoll) {
  for (int i = 0; i < 100; ++i) {
    std::thread other([this] { this->reactor_->wake(); });
    EXPECT_LT(TestFixture::time_of_poll(*this->reactor_, 60s), 30s);
    other.join();
  }
}

bool is_readable(int fd) {
  pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

TYPED_TEST(ReactorContract, TheDescriptorIsReadableFromAWakeToTheNextPoll) {
  const Result<int> descriptor = this->reactor_->descriptor();
  ASSERT_TRUE(descriptor);
  for (int i = 0; i < 3; ++i) {
    this->reactor_->poll(Duration::zero());
    EXPECT_FALSE(is_readable(*descriptor));
    std::thread([this] { this->reactor_->wake(); }).join();
    EXPECT_TRUE(is_readable(*descriptor));
    this->reactor_->poll(Duration::zero());
    // The ring may tell of the same wake-up once more.
    this->reactor_->poll(1ms);
  }
  const Result<int> again = this->reactor_->descriptor();
  EXPECT_EQ(*again, *descriptor);
}

Task<void> sleep(Scheduler& scheduler, Duration delay) { co_await scheduler.sleep_for(delay); }

TYPED_TEST(ReactorContract, SleepersWakeInTime) {
  Scheduler scheduler(this->clock_, *this->reactor_);
  const Instant start = this->clock_.now();
  scheduler.run(sleep(scheduler, 3ms));
  const Duration waited = this->clock_.now() - start;
  EXPECT_GE(waited, 3ms);
  EXPECT_LT(waited, 5s);
}

Task<Result<int>> add_one(int value) { co_return value + 1; }

Task<int> call_many_times(Scheduler& home, Scheduler& target, int call_count) {
  int value = 0;
  for (int i = 0; i < call_count; ++i) {
    auto make_task = [&value] { return add_one(value); };
    value = *co_await call_on(home, target, make_task);
  }
  co_return value;
}

Task<void> call_and_count(Scheduler& home, Scheduler& target, int call_count, int& ended_count) {
  co_await call_many_times(home, target, call_count);
  ++ended_count;
}

Task<void> wait_for(Scheduler& scheduler, const int& count, int goal) {
  while (count < goal) co_await scheduler.sleep_for(100us);
}

// A scheduler that runs on a thread of its own.
template <typename R>
class OtherThread {
 public:
  explicit OtherThread(const Clock& clock)
      : reactor_(std::move(*R::create())),
        scheduler_(clock, *reactor_),
        thread_([this] { scheduler_.run_until_stopped(); }) {}
  ~OtherThread() {
    scheduler_.stop();
    thread_.join();
  }
  Scheduler& scheduler() { return scheduler_; }

 private:
  std::unique_ptr<R> reactor_;
  Scheduler scheduler_;
  std::thread thread_;
};

TYPED_TEST(ReactorContract, CallsToAnotherThreadComeBack) {
  Scheduler home(this->clock_, *this->reactor_);
  OtherThread<TypeParam> other(this->clock_);
  EXPECT_EQ(home.run(call_many_times(home, other.scheduler(), 2000)), 2000);
}

TYPED_TEST(ReactorContract, ManyCallersToAnotherThreadAllComeBack) {
  Scheduler home(this->clock_, *this->reactor_);
  OtherThread<TypeParam> other(this->clock_);
  int ended_count = 0;
  for (int i = 0; i < 50; ++i) home.spawn(call_and_count(home, other.scheduler(), 100, ended_count));
  home.run(wait_for(home, ended_count, 50));
  EXPECT_EQ(ended_count, 50);
}

TYPED_TEST(ReactorContract, TwoThreadsMayCallEachOther) {
  Scheduler home(this->clock_, *this->reactor_);
  OtherThread<TypeParam> other(this->clock_);
  auto ask_back = [&] { return call_many_times(other.scheduler(), home, 100); };
  EXPECT_EQ(home.run(call_on(home, other.scheduler(), ask_back)), 100);
}

TYPED_TEST(ReactorContract, ManyThreadsMayPostAtOnce) {
  struct Counter final : Mail {
    int* count = nullptr;
    void deliver() override { ++*count; }
  };
  constexpr int kThreadCount = 4;
  constexpr int kMailCount = 1000;
  Scheduler home(this->clock_, *this->reactor_);
  int count = 0;
  std::vector<Counter> mail(kThreadCount * kMailCount);
  std::vector<std::thread> threads;
  for (Counter& each : mail) each.count = &count;
  for (int thread = 0; thread < kThreadCount; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kMailCount; ++i) home.post(mail[thread * kMailCount + i]);
    });
  }
  home.run(wait_for(home, count, kThreadCount * kMailCount));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreadCount * kMailCount);
}

TYPED_TEST(ReactorContract, AReactorMayBeMadeOnOneThreadAndUsedOnAnother) {
  std::thread other([this] {
    Scheduler scheduler(this->clock_, *this->reactor_);
    scheduler.run(sleep(scheduler, 1ms));
  });
  other.join();
}

}  // namespace
}  // namespace penstock
