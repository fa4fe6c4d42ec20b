#include "task/started.h"

#include <gtest/gtest.h>

#include "task/clock.h"
#include "task/scheduler.h"
#include "task/sim_reactor.h"
#include "task/sync.h"

namespace penstock {
namespace {

class StartedTask : public ::testing::Test {
 protected:
  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
};

Task<int> value_after(Event& event, int value) {
  co_await event.wait();
  co_return value;
}

Task<int> value_of(int value) { co_return value; }

TEST_F(StartedTask, ThatNeverWaitsHasEndedAtOnceAndNeedsNoScheduler) {
  Started<int> started(value_of(7));
  EXPECT_TRUE(started.has_ended());
  EXPECT_TRUE(started.await_ready());
  EXPECT_EQ(started.await_resume(), 7);
}

Task<int> sum_of_two(Event& event) {
  Started<int> first(value_after(event, 1));
  Started<int> second(value_after(event, 2));
  EXPECT_FALSE(first.has_ended());
  event.set();
  const int later = co_await second;
  EXPECT_TRUE(first.has_ended());
  co_return later + co_await first;
}

TEST_F(StartedTask, SeveralRunTogetherAndAreAwaitedInAnyOrder) {
  Event event(scheduler_);
  EXPECT_EQ(scheduler_.run(sum_of_two(event)), 3);
}

Task<void> set_flag(Event& event, bool& flag) {
  co_await event.wait();
  flag = true;
}

Task<void> await_void(Event& event, bool& flag) {
  Started<void> started(set_flag(event, flag));
  EXPECT_FALSE(flag);
  event.set();
  co_await started;
  EXPECT_TRUE(flag);
}

TEST_F(StartedTask, MayHaveNoValue) {
  Event event(scheduler_);
  bool flag = false;
  scheduler_.run(await_void(event, flag));
  EXPECT_TRUE(flag);
}

TEST_F(StartedTask, MustHaveEndedBeforeItIsDestroyed) {
  EXPECT_DEATH(
      {
        Event event(scheduler_);
        const Started<int> dropped(value_after(event, 1));
      },
      "destroyed before it had ended");
}

TEST_F(StartedTask, CanBeMovedWhileItRuns) {
  Event event(scheduler_);
  Started<int> first(value_after(event, 1));
  Started<int> moved(std::move(first));
  EXPECT_FALSE(moved.has_ended());
  event.set();
  scheduler_.run(event.wait());
  ASSERT_TRUE(moved.has_ended());
  EXPECT_EQ(moved.await_resume(), 1);
}

}  // namespace
}  // namespace penstock
