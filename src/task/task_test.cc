#include "task/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "task/scheduler.h"
#include "task/sim_reactor.h"

namespace penstock {
namespace {

class TaskTest : public testing::Test {
 protected:
  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
};

Task<int> answer(int& started_count) {
  ++started_count;
  co_return 42;
}

TEST_F(TaskTest, IsLazyAndAnUnawaitedTaskNeverRuns) {
  int started_count = 0;
  {
    const Task<int> task = answer(started_count);
  }
  EXPECT_EQ(started_count, 0);
  EXPECT_EQ(scheduler_.run(answer(started_count)), 42);
  EXPECT_EQ(started_count, 1);
}

Task<void> note(std::string& trail, std::string step) {
  trail += step;
  co_return;
}

Task<void> note_three_times(std::string& trail) {
  co_await note(trail, "a");
  co_await note(trail, "b");
  co_await note(trail, "c");
}

Task<void> note_around(std::string& trail) {
  trail += "(";
  co_await note_three_times(trail);
  trail += ")";
}

TEST_F(TaskTest, ACallChainThatWaitsForNothingRunsStraightThrough) {
  std::string trail;
  scheduler_.spawn(note_around(trail));
  scheduler_.spawn(note(trail, "next"));
  int started_count = 0;
  scheduler_.run(answer(started_count));
  EXPECT_EQ(trail, "(abc)next");  // nobody else ran in between
}

Task<std::unique_ptr<int>> make_unique_int(int value) { co_return std::make_unique<int>(value); }

Task<Result<std::unique_ptr<int>>> make_checked_int(int value) {
  if (value < 0) co_return fail(ErrorCode::kInvalidArgument, "{} is negative", value);
  co_return co_await make_unique_int(value);
}

TEST_F(TaskTest, ResultsMayBeMoveOnly) {
  const std::unique_ptr<int> value = scheduler_.run(make_unique_int(7));
  EXPECT_EQ(*value, 7);
  const Result<std::unique_ptr<int>> checked = scheduler_.run(make_checked_int(8));
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(**checked, 8);
  EXPECT_EQ(scheduler_.run(make_checked_int(-1)).error().code(), ErrorCode::kInvalidArgument);
}

Task<int> depth_below(int levels) {
  if (levels == 0) co_return 0;
  const int below = co_await depth_below(levels - 1);
  co_return below + 1;
}

TEST_F(TaskTest, DeepChainsDoNotOverflowTheStack) {
  EXPECT_EQ(scheduler_.run(depth_below(200'000)), 200'000);
}

Task<int> depth_below_a_sleep(Scheduler& scheduler, int levels) {
  if (levels == 0) {
    co_await scheduler.sleep_for(std::chrono::seconds(1));
    co_return 0;
  }
  const int below = co_await depth_below_a_sleep(scheduler, levels - 1);
  co_return below + 1;
}

TEST_F(TaskTest, DeepChainsResumedByATimerDoNotOverflowTheStack) {
  EXPECT_EQ(scheduler_.run(depth_below_a_sleep(scheduler_, 200'000)), 200'000);
}

Task<int> sum_of_calls(int count) {
  int sum = 0;
  int started_count = 0;
  for (int i = 0; i < count; ++i) sum += co_await answer(started_count);
  co_return sum - 41 * started_count;
}

TEST_F(TaskTest, LongLoopsOfCallsDoNotOverflowTheStack) {
  EXPECT_EQ(scheduler_.run(sum_of_calls(1'000'000)), 1'000'000);
}

Task<std::size_t> length_of(std::string text) { co_return text.size(); }

TEST_F(TaskTest, ParametersByValueLiveInTheFrame) {
  Task<std::size_t> task = length_of(std::string(100, 'x'));
  EXPECT_EQ(scheduler_.run(std::move(task)), 100U);
}

Task<std::shared_ptr<int>> pass_on(std::shared_ptr<int> value) { co_return value; }

TEST_F(TaskTest, FrameParametersAndResultAreDestroyedWithTheTask) {
  const auto value = std::make_shared<int>(1);
  scheduler_.run(pass_on(value)).reset();
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace penstock
