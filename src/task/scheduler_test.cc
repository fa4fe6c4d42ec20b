#include "task/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "task/remote.h"
#include "task/sim_reactor.h"
#include "task/sync.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Waits on a condition variable: the smallest reactor for real threads.
class WaitingReactor final : public Reactor {
 public:
  void poll(Duration max_wait) override {
    std::unique_lock lock(mutex_);
    const auto is_woken = [this] { return woken_; };
    if (max_wait == kForever) {
      changed_.wait(lock, is_woken);
    } else {
      changed_.wait_for(lock, max_wait, is_woken);
    }
    woken_ = false;
  }

  void wake() override {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

class SchedulerTest : public testing::Test {
 protected:
  Task<void> sleep_then_note(Duration delay, std::string what) {
    co_await scheduler_.sleep_for(delay);
    trail_ += what;
  }
  Task<void> note(std::string what) {
    trail_ += what;
    co_return;
  }
  Task<void> note_twice(std::string what) {
    trail_ += what;
    co_await scheduler_.yield();
    trail_ += what;
  }
  Task<void> sleep_and_hold(Duration delay, std::shared_ptr<int> /*held*/) {
    co_await scheduler_.sleep_for(delay);
  }
  Task<void> sleep(Duration delay) { co_await scheduler_.sleep_for(delay); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  std::string trail_;
};

TEST_F(SchedulerTest, SpawnedTasksRunInOrder) {
  scheduler_.spawn(note("a"));
  scheduler_.spawn(note("b"));
  scheduler_.spawn(note("c"));
  EXPECT_EQ(trail_, "");  // not before the scheduler runs
  EXPECT_EQ(scheduler_.spawned_count(), 3U);
  scheduler_.run(note("d"));
  EXPECT_EQ(trail_, "abcd");
  EXPECT_EQ(scheduler_.spawned_count(), 0U);
}

TEST_F(SchedulerTest, AStartedTaskRunsAtOnceUpToItsFirstSuspension) {
  scheduler_.start(note("a"));
  EXPECT_EQ(trail_, "a");
  EXPECT_EQ(scheduler_.spawned_count(), 0U);
  scheduler_.start(note_twice("b"));
  EXPECT_EQ(trail_, "ab");
  EXPECT_EQ(scheduler_.spawned_count(), 1U);
  scheduler_.run(note("c"));
  EXPECT_EQ(trail_, "abbc");
  EXPECT_EQ(scheduler_.spawned_count(), 0U);
}

TEST_F(SchedulerTest, AStartedTaskLetsGoOfWhatItHoldsWhenItEnds) {
  for (const Duration delay : {Duration::zero(), Duration(milliseconds(1))}) {
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    scheduler_.start(sleep_and_hold(delay, std::move(held)));
    EXPECT_EQ(watched.expired(), delay == Duration::zero());
    scheduler_.run(sleep(milliseconds(2)));
    EXPECT_TRUE(watched.expired());
  }
}

TEST_F(SchedulerTest, RunToEndWaitsForEverySpawnedTask) {
  scheduler_.run_to_end();
  scheduler_.spawn(sleep_then_note(seconds(2), "b"));
  scheduler_.spawn(note("a"));
  scheduler_.run_to_end();
  EXPECT_EQ(trail_, "ab");
}

TEST_F(SchedulerTest, RunOnceRunsWhatIsReadyAndDoesNotWait) {
  scheduler_.spawn(note("a"));
  scheduler_.spawn(sleep_then_note(seconds(1), "b"));
  scheduler_.run_once();
  EXPECT_EQ(trail_, "a");
  EXPECT_EQ(clock_.now(), Instant{});
  scheduler_.run_to_end();
}

TEST_F(SchedulerTest, WaitOnceWaitsForAtMostItsTimeAndRunsNothing) {
  scheduler_.spawn(sleep_then_note(seconds(5), "a"));
  scheduler_.run_once();
  scheduler_.wait_once(seconds(2));
  EXPECT_EQ(clock_.now(), Instant{seconds(2)});
  scheduler_.wait_once(seconds(60));
  EXPECT_EQ(clock_.now(), Instant{seconds(5)});
  EXPECT_EQ(trail_, "");
  scheduler_.spawn(note("b"));
  scheduler_.wait_once(seconds(60));
  EXPECT_EQ(clock_.now(), Instant{seconds(5)});
  scheduler_.run_to_end();
}

TEST_F(SchedulerTest, YieldLetsEverythingElseThatIsReadyRunFirst) {
  scheduler_.spawn(note_twice("a"));
  scheduler_.spawn(note_twice("b"));
  scheduler_.run(note_twice("c"));
  EXPECT_EQ(trail_, "abcabc");
}

TEST_F(SchedulerTest, TimersFireInOrderOfTime) {
  scheduler_.spawn(sleep_then_note(milliseconds(30), "c"));
  scheduler_.spawn(sleep_then_note(milliseconds(10), "a"));
  scheduler_.spawn(sleep_then_note(milliseconds(20), "b"));
  scheduler_.run(sleep(milliseconds(30)));
  EXPECT_EQ(trail_, "abc");
}

TEST_F(SchedulerTest, TimersOfOneInstantFireInTheOrderOfTheirStart) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    scheduler_.spawn(sleep_then_note(milliseconds(10), name));
  }
  scheduler_.run(sleep(milliseconds(10)));
  EXPECT_EQ(trail_, "abcde");
}

TEST_F(SchedulerTest, SleepingMovesVirtualTimeAndNothingElseDoes) {
  const std::int64_t wall_ms = clock_.wall_ms();
  scheduler_.run(note_twice("a"));
  EXPECT_EQ(clock_.now(), Instant{});
  scheduler_.run(sleep(seconds(3600)));
  EXPECT_EQ(clock_.now(), Instant{seconds(3600)});
  EXPECT_EQ(clock_.wall_ms(), wall_ms + 3'600'000);
}

TEST_F(SchedulerTest, SleepingUntilAMomentThatHasPassedDoesNotSuspend) {
  scheduler_.spawn(sleep_then_note(Duration::zero(), "a"));
  scheduler_.spawn(sleep_then_note(milliseconds(-5), "b"));
  scheduler_.run(note("c"));
  EXPECT_EQ(trail_, "abc");
}

TEST_F(SchedulerTest, ATimerThatWasCancelledDoesNotFire) {
  struct Alarm final : Scheduler::Timer {
    using Scheduler::Timer::Timer;
    void fire() override { ++fired_count; }
    int fired_count = 0;
  };
  Alarm kept(scheduler_);
  Alarm cancelled(scheduler_);
  Alarm moved(scheduler_);
  kept.start(Instant{milliseconds(5)});
  cancelled.start(Instant{milliseconds(5)});
  moved.start(Instant{milliseconds(5)});
  cancelled.cancel();
  moved.start(Instant{milliseconds(50)});
  scheduler_.run(sleep(milliseconds(10)));
  EXPECT_EQ(kept.fired_count, 1);
  EXPECT_FALSE(kept.is_running());
  EXPECT_EQ(cancelled.fired_count, 0);
  EXPECT_EQ(moved.fired_count, 0);
  EXPECT_TRUE(moved.is_running());
}

TEST_F(SchedulerTest, BusyCoroutinesDoNotStarveTimers) {
  bool done = false;
  struct Body {
    static Task<void> spin(Scheduler& scheduler, ManualClock& clock, const bool& done) {
      while (!done) {
        clock.advance(std::chrono::microseconds(1));
        co_await scheduler.yield();
      }
    }
    static Task<void> finish(Scheduler& scheduler, bool& done) {
      co_await scheduler.sleep_for(milliseconds(1));
      done = true;
    }
  };
  scheduler_.spawn(Body::finish(scheduler_, done));
  scheduler_.run(Body::spin(scheduler_, clock_, done));
  EXPECT_TRUE(done);
}

TEST_F(SchedulerTest, RunWorksAfterStop) {
  struct Body {
    static Task<void> stop(Scheduler& scheduler) {
      scheduler.stop();
      co_return;
    }
  };
  scheduler_.spawn(Body::stop(scheduler_));
  scheduler_.run_until_stopped();
  scheduler_.run(sleep_then_note(seconds(1), "closed"));
  EXPECT_EQ(trail_, "closed");
}

using SchedulerDeathTest = SchedulerTest;

TEST_F(SchedulerDeathTest, EveryCoroutineWaitingForAnotherIsADeadlock) {
  Event never(scheduler_);
  EXPECT_DEATH(scheduler_.run(never.wait()), "deadlock");
}

TEST_F(SchedulerDeathTest, DestroyingASchedulerWithTasksIsABug) {
  EXPECT_DEATH(
      {
        Scheduler scheduler(clock_, reactor_);
        scheduler.spawn(note("never"));
      },
      "destroyed with tasks still running");
}

TEST_F(SchedulerDeathTest, RunningInsideOneOfItsOwnCoroutinesIsABug) {
  struct Body {
    static Task<void> nest(Scheduler& scheduler, Task<void> inner) {
      scheduler.run(std::move(inner));
      co_return;
    }
  };
  EXPECT_DEATH(scheduler_.run(Body::nest(scheduler_, note("inner"))), "inside a coroutine");
}

// A scheduler that runs on a thread of its own until this is destroyed.
class OtherThread {
 public:
  OtherThread() : thread_([this] { scheduler_.run_until_stopped(); }) {}
  OtherThread(const OtherThread&) = delete;
  OtherThread& operator=(const OtherThread&) = delete;
  ~OtherThread() {
    scheduler_.stop();
    thread_.join();
  }
  Scheduler& scheduler() { return scheduler_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  SystemClock clock_;
  WaitingReactor reactor_;
  Scheduler scheduler_{clock_, reactor_};
  std::thread thread_;
};

TEST(SchedulerThreads, StopFromAnotherThreadEndsAWaitWithoutEnd) {
  for (int round = 0; round < 200; ++round) {
    const OtherThread other;  // stops at once: before, while or after it begins to wait
  }
}

// Who sent, and the how manieth it was.
using Arrivals = std::vector<std::pair<std::size_t, std::size_t>>;

struct Letter final : Mail {
  void deliver() override { arrived->emplace_back(sender, number); }
  Arrivals* arrived = nullptr;
  std::size_t sender = 0;
  std::size_t number = 0;
};

TEST(SchedulerThreads, MailArrivesOnceAndInTheOrderOfEachSender) {
  static constexpr std::size_t kSenders = 4;
  static constexpr std::size_t kLetters = 5000;
  const SystemClock clock;
  WaitingReactor reactor;
  Scheduler scheduler(clock, reactor);
  Arrivals arrived;
  std::array<std::vector<Letter>, kSenders> letters;
  for (std::size_t sender = 0; sender < kSenders; ++sender) {
    letters[sender].resize(kLetters);
    for (std::size_t number = 0; number < kLetters; ++number) {
      letters[sender][number].arrived = &arrived;
      letters[sender][number].sender = sender;
      letters[sender][number].number = number;
    }
  }
  std::vector<std::thread> threads;
  threads.reserve(kSenders);
  for (std::vector<Letter>& stack : letters) {
    threads.emplace_back([&scheduler, &stack] {
      for (Letter& letter : stack) scheduler.post(letter);
    });
  }
  struct Body {
    static Task<void> wait_for_all(Scheduler& scheduler, const Arrivals& arrived) {
      while (arrived.size() < kSenders * kLetters) co_await scheduler.sleep_for(milliseconds(1));
    }
  };
  scheduler.run(Body::wait_for_all(scheduler, arrived));
  for (std::thread& thread : threads) thread.join();

  ASSERT_EQ(arrived.size(), kSenders * kLetters);
  std::array<std::size_t, kSenders> next_number{};
  for (const auto& [sender, number] : arrived) EXPECT_EQ(number, next_number[sender]++);
}

TEST(SchedulerThreads, MailEndsAWaitWithoutEnd) {
  struct Body {
    static Task<std::thread::id> where() { co_return std::this_thread::get_id(); }
  };
  const SystemClock clock;
  WaitingReactor reactor;
  Scheduler home(clock, reactor);
  OtherThread other;
  for (int round = 0; round < 2000; ++round) {
    auto ask = [] { return Body::where(); };
    EXPECT_EQ(home.run(call_on(home, other.scheduler(), ask)), other.id());
  }
}

Task<int> tick(Scheduler& scheduler, int& unguarded_counter) {
  const int before = unguarded_counter;
  co_await scheduler.yield();
  unguarded_counter = before + 1;  // one thread, one call at a time: no lock, and TSan agrees
  co_return unguarded_counter;
}

Task<int> ask_many_times(Scheduler& home, Scheduler& target, int& counter, int count) {
  int last = 0;
  for (int i = 0; i < count; ++i) {
    auto ask = [&] { return tick(target, counter); };
    last = co_await call_on(home, target, ask);
  }
  co_return last;
}

TEST(CallOn, RunsOnTheTargetsThreadAndBringsTheResultHome) {
  const SystemClock clock;
  WaitingReactor reactor;
  Scheduler home(clock, reactor);
  OtherThread other;
  int counter = 0;
  EXPECT_EQ(home.run(ask_many_times(home, other.scheduler(), counter, 1000)), 1000);
}

TEST(CallOn, OnTheOwnSchedulerItIsAPlainCall) {
  ManualClock clock;
  SimReactor reactor(clock);
  Scheduler home(clock, reactor);
  int counter = 0;
  EXPECT_EQ(home.run(ask_many_times(home, home, counter, 3)), 3);
}

TEST(CallOn, ResultsMayBeMoveOnly) {
  struct Body {
    static Task<std::unique_ptr<std::string>> make() {
      co_return std::make_unique<std::string>("moved");
    }
  };
  const SystemClock clock;
  WaitingReactor reactor;
  Scheduler home(clock, reactor);
  OtherThread other;
  auto ask = [] { return Body::make(); };
  EXPECT_EQ(*home.run(call_on(home, other.scheduler(), ask)), "moved");
}

TEST(CallOn, TwoSchedulersMayCallEachOtherAtTheSameTime) {
  const SystemClock clock;
  WaitingReactor reactor;
  Scheduler home(clock, reactor);
  OtherThread other;
  struct Body {
    static Task<int> there_and_back(Scheduler& home, Scheduler& target, int& counter) {
      auto back = [&] { return tick(home, counter); };
      const int here = co_await call_on(target, home, back);
      co_return here;
    }
    static Task<void> ask(Scheduler& home, Scheduler& target, int& counter, int& done_count) {
      auto there = [&] { return there_and_back(home, target, counter); };
      (void)co_await call_on(home, target, there);
      ++done_count;
    }
    static Task<void> wait_for(Scheduler& scheduler, const int& done_count, int wanted) {
      while (done_count < wanted) co_await scheduler.sleep_for(milliseconds(1));
    }
  };
  std::array<int, 50> counters{};
  int done_count = 0;
  for (int& counter : counters) home.spawn(Body::ask(home, other.scheduler(), counter, done_count));
  home.run(Body::wait_for(home, done_count, 50));
  EXPECT_TRUE(std::ranges::all_of(counters, [](int counter) { return counter == 1; }));
}

}  // namespace
}  // namespace penstock
