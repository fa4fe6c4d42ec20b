#include "task/sync.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "task/sim_reactor.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

class SyncTest : public testing::Test {
 protected:
  Task<void> sleep(Duration delay) { co_await scheduler_.sleep_for(delay); }
  // Lets everything that is ready, and what that makes ready, run.
  void settle() { scheduler_.run(sleep(milliseconds(1))); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  std::string trail_;
};

class EventTest : public SyncTest {
 protected:
  Task<void> wait_then_note(std::string what) {
    co_await event_.wait();
    trail_ += what;
  }
  Task<void> wait_until_then_note(Duration delay, std::string what) {
    const bool happened = co_await event_.wait_until(clock_.now() + delay);
    trail_ += what + (happened ? "+" : "-");
  }
  Task<void> set_after(Duration delay) {
    co_await scheduler_.sleep_for(delay);
    event_.set();
  }

  Event event_{scheduler_};
};

TEST_F(EventTest, SetWakesEveryWaiterInTheOrderOfArrival) {
  scheduler_.spawn(wait_then_note("a"));
  scheduler_.spawn(wait_then_note("b"));
  scheduler_.spawn(wait_then_note("c"));
  settle();
  EXPECT_EQ(trail_, "");
  event_.set();
  EXPECT_EQ(trail_, "");  // nobody is resumed inside set()
  settle();
  EXPECT_EQ(trail_, "abc");
}

TEST_F(EventTest, ASetEventDoesNotMakeAnybodyWaitUntilItIsReset) {
  event_.set();
  scheduler_.run(wait_then_note("a"));
  EXPECT_EQ(trail_, "a");
  event_.reset();
  scheduler_.spawn(wait_then_note("b"));
  settle();
  EXPECT_EQ(trail_, "a");
  event_.set();
  settle();
  EXPECT_EQ(trail_, "ab");
}

TEST_F(EventTest, PulseWakesThoseWhoWaitNowAndNobodyLater) {
  scheduler_.spawn(wait_then_note("a"));
  settle();
  event_.pulse();
  scheduler_.spawn(wait_then_note("b"));
  settle();
  EXPECT_EQ(trail_, "a");
  EXPECT_FALSE(event_.is_set());
  event_.pulse();
  settle();
  EXPECT_EQ(trail_, "ab");
}

TEST_F(EventTest, AWaiterWokenBeforeItsResetStillGoesOn) {
  scheduler_.spawn(wait_then_note("a"));
  settle();
  event_.set();
  event_.reset();
  settle();
  EXPECT_EQ(trail_, "a");
}

TEST_F(EventTest, TheDeadlineEndsAWaitAndSaysSo) {
  scheduler_.run(wait_until_then_note(milliseconds(50), "a"));
  EXPECT_EQ(trail_, "a-");
  EXPECT_EQ(clock_.now(), Instant{milliseconds(50)});
}

TEST_F(EventTest, AnEventBeforeTheDeadlineCancelsIt) {
  scheduler_.spawn(set_after(milliseconds(10)));
  scheduler_.run(wait_until_then_note(milliseconds(50), "a"));
  EXPECT_EQ(trail_, "a+");
  EXPECT_EQ(clock_.now(), Instant{milliseconds(10)});
}

TEST_F(EventTest, ADeadlineThatHasPassedStillSeesASetEvent) {
  event_.set();
  scheduler_.run(wait_until_then_note(milliseconds(-1), "a"));
  EXPECT_EQ(trail_, "a+");
  event_.reset();
  scheduler_.run(wait_until_then_note(milliseconds(-1), "b"));
  EXPECT_EQ(trail_, "a+b-");
}

TEST_F(EventTest, DeadlineAndEventAtOneInstantWakeTheWaiterOnce) {
  scheduler_.spawn(wait_until_then_note(milliseconds(10), "a"));
  scheduler_.spawn(set_after(milliseconds(10)));
  scheduler_.run(sleep(milliseconds(100)));
  EXPECT_EQ(trail_, "a-");  // its timer was started first
}

TEST_F(EventTest, OneWaitersDeadlineLeavesTheOthersInLine) {
  scheduler_.spawn(wait_then_note("a"));
  scheduler_.spawn(wait_until_then_note(milliseconds(10), "b"));
  scheduler_.spawn(wait_then_note("c"));
  scheduler_.run(sleep(milliseconds(20)));
  EXPECT_EQ(trail_, "b-");
  event_.set();
  settle();
  EXPECT_EQ(trail_, "b-ac");
}

TEST_F(EventTest, MayBeDestroyedAsSoonAsItIsSet) {
  auto event = std::make_unique<Event>(scheduler_);
  struct Body {
    static Task<void> wait(Event& event, std::string& trail) {
      co_await event.wait();
      trail += "a";
    }
  };
  scheduler_.spawn(Body::wait(*event, trail_));
  settle();
  event->set();
  event.reset();
  settle();
  EXPECT_EQ(trail_, "a");
}

class SemaphoreTest : public SyncTest {
 protected:
  Task<void> acquire_then_note(std::int64_t units, std::string what) {
    co_await semaphore_.acquire(units);
    trail_ += what;
  }
  Task<void> hold(std::int64_t units, Duration how_long) {
    co_await semaphore_.acquire(units);
    ++inside_count_;
    most_inside_ = std::max(most_inside_, inside_count_);
    co_await scheduler_.sleep_for(how_long);
    --inside_count_;
    semaphore_.release(units);
  }

  Semaphore semaphore_{scheduler_, 3};
  int inside_count_ = 0;
  int most_inside_ = 0;
};

TEST_F(SemaphoreTest, FreeUnitsAreTakenWithoutWaiting) {
  scheduler_.run(acquire_then_note(3, "a"));
  EXPECT_EQ(semaphore_.available(), 0);
  EXPECT_EQ(clock_.now(), Instant{});
  semaphore_.release(3);
  EXPECT_EQ(semaphore_.available(), 3);
}

TEST_F(SemaphoreTest, NeverLendsMoreThanItHas) {
  for (int i = 0; i < 20; ++i) scheduler_.spawn(hold(1, milliseconds(1 + i % 4)));
  scheduler_.run(sleep(milliseconds(200)));
  EXPECT_EQ(most_inside_, 3);
  EXPECT_EQ(inside_count_, 0);
  EXPECT_EQ(semaphore_.available(), 3);
}

TEST_F(SemaphoreTest, ServesInTheOrderOfAskingEvenWhenALaterRequestWouldFit) {
  scheduler_.run(acquire_then_note(2, ""));
  scheduler_.spawn(acquire_then_note(3, "large "));
  scheduler_.spawn(acquire_then_note(1, "small "));
  settle();
  EXPECT_EQ(trail_, "");  // one unit is free, but the large request is first
  semaphore_.release(2);
  settle();
  EXPECT_EQ(trail_, "large ");
  semaphore_.release(3);
  settle();
  EXPECT_EQ(trail_, "large small ");
  semaphore_.release(1);
}

TEST_F(SemaphoreTest, ANewcomerDoesNotOvertakeAWaiterThatWasJustWoken) {
  scheduler_.run(acquire_then_note(3, ""));
  scheduler_.spawn(acquire_then_note(1, "waiter "));
  settle();
  scheduler_.spawn(acquire_then_note(3, "newcomer "));
  semaphore_.release(3);  // both become ready in this turn
  settle();
  EXPECT_EQ(trail_, "waiter ");
  semaphore_.release(1);
  settle();
  EXPECT_EQ(trail_, "waiter newcomer ");
  semaphore_.release(3);
}

TEST_F(SemaphoreTest, ANewcomerThatRunsBeforeAServedWaiterGoesOnStillComesAfterIt) {
  scheduler_.run(acquire_then_note(3, ""));
  scheduler_.spawn(acquire_then_note(1, "a"));
  settle();
  scheduler_.spawn(acquire_then_note(1, "b"));  // runs first, when "a" has its unit and has not gone on
  semaphore_.release(3);
  settle();
  EXPECT_EQ(trail_, "ab");
  EXPECT_EQ(semaphore_.available(), 1);
}

TEST_F(SemaphoreTest, OneReleaseServesSeveral) {
  scheduler_.run(acquire_then_note(3, ""));
  for (const char* name : {"a", "b", "c", "d"}) scheduler_.spawn(acquire_then_note(1, name));
  settle();
  semaphore_.release(3);
  settle();
  EXPECT_EQ(trail_, "abc");
  semaphore_.release(1);
  settle();
  EXPECT_EQ(trail_, "abcd");
  semaphore_.release(3);
}

TEST_F(SemaphoreTest, ARequestForMoreThanThereIsTakesEverything) {
  scheduler_.run(acquire_then_note(1, ""));
  scheduler_.spawn(acquire_then_note(100, "everything"));
  settle();
  EXPECT_EQ(trail_, "");
  semaphore_.release(1);
  settle();
  EXPECT_EQ(trail_, "everything");
  EXPECT_EQ(semaphore_.available(), 0);
  semaphore_.release(100);
  EXPECT_EQ(semaphore_.available(), 3);
}

using SemaphoreDeathTest = SemaphoreTest;

TEST_F(SemaphoreDeathTest, GivingBackMoreThanWasLentIsABug) {
  EXPECT_DEATH(semaphore_.release(1), "given back more than it lent");
}

class GateTest : public SyncTest {
 protected:
  Task<void> stay(Duration how_long, std::string what) {
    const Result<Gate::Hold> hold = gate_.enter();
    if (!hold) {
      trail_ += what + "!";
      co_return;
    }
    co_await scheduler_.sleep_for(how_long);
    trail_ += what;
  }
  Task<void> close_then_note(std::string what) {
    co_await gate_.close();
    trail_ += what;
  }

  Gate gate_{scheduler_};
};

TEST_F(GateTest, CloseWaitsForEverybodyInside) {
  scheduler_.spawn(stay(milliseconds(20), "b"));
  scheduler_.spawn(stay(milliseconds(10), "a"));
  scheduler_.run(close_then_note("closed"));
  EXPECT_EQ(trail_, "abclosed");
  EXPECT_EQ(clock_.now(), Instant{milliseconds(20)});
}

TEST_F(GateTest, CloseOfAnEmptyGateDoesNotWait) {
  scheduler_.run(close_then_note("closed"));
  EXPECT_EQ(clock_.now(), Instant{});
  EXPECT_TRUE(gate_.is_closed());
}

TEST_F(GateTest, NewcomersAreRefusedFromTheMomentOfClosing) {
  scheduler_.spawn(stay(milliseconds(10), "a"));
  scheduler_.spawn(close_then_note("closed"));
  scheduler_.spawn(stay(milliseconds(1), "b"));
  scheduler_.run(sleep(milliseconds(20)));
  EXPECT_EQ(trail_, "b!aclosed");
  EXPECT_EQ(gate_.enter().error().code(), ErrorCode::kClosed);
}

TEST_F(GateTest, SeveralMayWaitForItsClosing) {
  scheduler_.spawn(stay(milliseconds(10), "a"));
  scheduler_.spawn(close_then_note("1"));
  scheduler_.spawn(close_then_note("2"));
  scheduler_.run(sleep(milliseconds(20)));
  EXPECT_EQ(trail_, "a12");
}

TEST_F(GateTest, AMovedHoldLeavesOnce) {
  {
    Result<Gate::Hold> hold = gate_.enter();
    const Gate::Hold moved = std::move(*hold);
    scheduler_.spawn(close_then_note("closed"));
    settle();
    EXPECT_EQ(trail_, "");
  }
  settle();
  EXPECT_EQ(trail_, "closed");
}

using GateDeathTest = GateTest;

TEST_F(GateDeathTest, DestroyingAGateWithSomebodyInsideIsABug) {
  EXPECT_DEATH(
      {
        auto gate = std::make_unique<Gate>(scheduler_);
        const Result<Gate::Hold> hold = gate->enter();
        gate.reset();
      },
      "somebody inside");
}

}  // namespace
}  // namespace penstock
