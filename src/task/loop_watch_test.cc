#include "task/loop_watch.h"

#include <gtest/gtest.h>

#include <chrono>

#include "task/scheduler.h"

namespace penstock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LoopWatch, ATurnStallsForOneCauseOnly) {
  LoopWatch watch;
  watch.note_turn(microseconds(900), microseconds(500));
  watch.note_turn(milliseconds(3), microseconds(500));
  watch.note_turn(milliseconds(7), milliseconds(6));
  const LoopWatch::Stats& stats = watch.stats();
  EXPECT_EQ(stats.turn_count, 3U);
  EXPECT_EQ(stats.other.stall_count, 1U);
  EXPECT_EQ(stats.other.longest, milliseconds(3));
  EXPECT_EQ(stats.storage.stall_count, 1U);
  EXPECT_EQ(stats.storage.longest, milliseconds(6));
}

// A reactor whose submissions take as long as it is told.
class SlowReactor final : public Reactor {
 public:
  SlowReactor(ManualClock& clock, Duration submission) : clock_(clock), submission_(submission) {}
  void poll(Duration) override {
    clock_.advance(submission_);
    submitting_ = submitting_ + submission_;
    clock_.advance(std::chrono::seconds(5));  // a wait, which is no stall
  }
  void wake() override {}
  Duration submitting_time() const override { return submitting_; }

 private:
  ManualClock& clock_;
  Duration submission_;
  Duration submitting_{};
};

Task<void> work_for(ManualClock& clock, Duration time, Scheduler& scheduler) {
  clock.advance(time);
  scheduler.stop();
  co_return;
}

LoopWatch::Stats stats_after_one_turn(Duration work, Duration submission) {
  ManualClock clock;
  SlowReactor reactor(clock, submission);
  Scheduler scheduler(clock, reactor);
  scheduler.spawn(work_for(clock, work, scheduler));
  scheduler.run_until_stopped();
  return scheduler.watch().stats();
}

TEST(LoopWatch, WaitingIsNoStall) {
  const LoopWatch::Stats stats = stats_after_one_turn(microseconds(10), microseconds(10));
  EXPECT_EQ(stats.turn_count, 1U);
  EXPECT_EQ(stats.other.longest, microseconds(20));
  EXPECT_EQ(stats.other.stall_count + stats.storage.stall_count, 0U);
}

TEST(LoopWatch, WorkThatTakesLongIsAStallOfOurOwn) {
  const LoopWatch::Stats stats = stats_after_one_turn(milliseconds(2), microseconds(10));
  EXPECT_EQ(stats.other.stall_count, 1U);
  EXPECT_EQ(stats.storage.stall_count, 0U);
}

TEST(LoopWatch, ASubmissionThatTakesLongIsAStallByStorage) {
  const LoopWatch::Stats stats = stats_after_one_turn(microseconds(10), milliseconds(2));
  EXPECT_EQ(stats.storage.stall_count, 1U);
  EXPECT_EQ(stats.storage.longest, milliseconds(2));
  EXPECT_EQ(stats.other.stall_count, 0U);
}

}  // namespace
}  // namespace penstock
