#include "server/request_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "server/log_throttle.h"
#include "server/transfer_pace.h"
#include "task/sim_reactor.h"

namespace penstock::server {
namespace {

class RequestMemoryTest : public ::testing::Test {
 protected:
  // 142 are kept for requests that take all at once; this leaves 1000.
  static constexpr std::uint64_t kLimit = 1142;

  // A request that grows when the test says so.
  struct Request {
    explicit Request(RequestMemory& memory) : claim(memory) {}
    RequestMemory::Claim claim;
    bool is_waiting = false;
  };

  static Task<void> wait_beside(Request& request, Task<void> claiming) {
    request.is_waiting = true;
    co_await std::move(claiming);
    request.is_waiting = false;
  }
  // Both return whether it got them at once.
  bool grow(Request& request, std::uint64_t bytes) {
    scheduler_.spawn(wait_beside(request, request.claim.grow(bytes)));
    settle();
    return !request.is_waiting;
  }
  bool take_whole(Request& request, std::uint64_t bytes) {
    scheduler_.spawn(wait_beside(request, request.claim.take_whole(bytes)));
    settle();
    return !request.is_waiting;
  }
  static Task<void> sleep(Scheduler& scheduler) { co_await scheduler.sleep_for(Duration(1)); }
  void settle() { scheduler_.run(sleep(scheduler_)); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  RequestMemory memory_{scheduler_, kLimit};
};

TEST_F(RequestMemoryTest, IsHadUpToTheLimitAndGivenBack) {
  Request one(memory_);
  Request two(memory_);
  EXPECT_TRUE(grow(one, 600));
  EXPECT_FALSE(grow(two, 600));
  EXPECT_TRUE(memory_.is_short());
  one.claim.release();
  settle();
  EXPECT_FALSE(two.is_waiting);
  EXPECT_FALSE(memory_.is_short());
  EXPECT_EQ(memory_.used_bytes(), 600U);
  two.claim.release();
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

TEST_F(RequestMemoryTest, IsHadInTheOrderOfAsking) {
  Request one(memory_);
  Request large(memory_);
  Request small(memory_);
  EXPECT_TRUE(grow(one, 900));
  EXPECT_FALSE(grow(large, 500));
  EXPECT_FALSE(grow(small, 10)) << "though there would be room";
  one.claim.release();
  settle();
  EXPECT_FALSE(large.is_waiting || small.is_waiting);
}

TEST_F(RequestMemoryTest, MoreThanThereIsIsHadAlone) {
  Request one(memory_);
  Request huge(memory_);
  Request next(memory_);
  EXPECT_TRUE(grow(one, 1));
  EXPECT_FALSE(grow(huge, 5000));
  one.claim.release();
  settle();
  EXPECT_FALSE(huge.is_waiting);
  EXPECT_FALSE(grow(next, 1));
  huge.claim.release();
  settle();
  EXPECT_FALSE(next.is_waiting);
}

// Or none of them would ever end.
TEST_F(RequestMemoryTest, OfRequestsThatAreUnderWayOneAtATimeGoesBeyondTheLimit) {
  Request one(memory_);
  Request two(memory_);
  EXPECT_TRUE(grow(one, 500));
  EXPECT_TRUE(grow(two, 500));
  EXPECT_TRUE(grow(one, 300)) << "beyond";
  EXPECT_FALSE(grow(two, 300));
  EXPECT_TRUE(grow(one, 300)) << "and again, until it is complete";
  one.claim.complete();
  settle();
  EXPECT_FALSE(two.is_waiting) << "now it is the other one's turn";
  EXPECT_EQ(memory_.used_bytes(), 1900U);
  one.claim.release();
  two.claim.release();
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

TEST_F(RequestMemoryTest, TheRightToGoBeyondIsGivenBackByARequestThatFails) {
  Request one(memory_);
  Request two(memory_);
  EXPECT_TRUE(grow(one, 500));
  EXPECT_TRUE(grow(two, 500));
  EXPECT_TRUE(grow(one, 1));
  EXPECT_FALSE(grow(two, 600));
  one.claim = RequestMemory::Claim();
  settle();
  EXPECT_FALSE(two.is_waiting);
}

TEST_F(RequestMemoryTest, WhoHoldsSomethingComesBeforeWhoHoldsNothing) {
  Request one(memory_);
  Request two(memory_);
  Request three(memory_);
  Request starting(memory_);
  EXPECT_TRUE(grow(one, 400));
  EXPECT_TRUE(grow(two, 400));
  EXPECT_TRUE(grow(three, 200));
  EXPECT_FALSE(grow(starting, 100));
  EXPECT_TRUE(grow(one, 100));
  EXPECT_FALSE(grow(two, 100));
  three.claim.release();
  settle();
  EXPECT_FALSE(two.is_waiting);
  EXPECT_TRUE(starting.is_waiting) << "there are no 100 bytes left";
  one.claim.release();
  settle();
  EXPECT_FALSE(starting.is_waiting);
}

// Large requests that have come to a stop hold up no small ones.
TEST_F(RequestMemoryTest, AnEighthIsKeptForRequestsThatTakeAllAtOnce) {
  Request stopped(memory_);
  Request growing(memory_);
  EXPECT_TRUE(grow(stopped, 500));
  EXPECT_TRUE(grow(growing, 500));
  EXPECT_TRUE(grow(stopped, 1)) << "beyond";
  EXPECT_FALSE(grow(growing, 1));
  std::vector<Request> small;
  for (int i = 0; i < 3; ++i) small.emplace_back(memory_);
  EXPECT_TRUE(take_whole(small[0], 100));
  EXPECT_FALSE(take_whole(small[1], 100)) << "42 are left";
  EXPECT_FALSE(take_whole(small[2], 42)) << "it was not the first to ask";
  EXPECT_EQ(memory_.used_bytes(), 1101U);
  small[0].claim.release();
  settle();
  EXPECT_FALSE(small[1].is_waiting || small[2].is_waiting);
  EXPECT_TRUE(growing.is_waiting) << "of the eighth it gets nothing";
  stopped.claim.release();
  settle();
  EXPECT_FALSE(growing.is_waiting);
  EXPECT_EQ(memory_.used_bytes(), 501U + 142U);
}

TEST_F(RequestMemoryTest, RequestsThatTakeAllAtOnceHaveTheRestToo) {
  Request large(memory_);
  Request one(memory_);
  Request two(memory_);
  EXPECT_TRUE(take_whole(large, 950)) << "more than the eighth";
  EXPECT_TRUE(take_whole(one, 142)) << "less than the rest, but the eighth is free";
  EXPECT_FALSE(take_whole(two, 60));
  large.claim.release();
  settle();
  EXPECT_FALSE(two.is_waiting);
  one.claim.release();
  two.claim.release();
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

TEST(TransferPaceTest, SlowIsWhoMovesTooLittleInTwoSecondsOfOurWaiting) {
  constexpr std::uint64_t kEnough = TransferPace::kSlowestBytesPerSecond;
  TransferPace pace;
  const auto at = [](int seconds) { return Instant{std::chrono::seconds(seconds)}; };
  EXPECT_FALSE(pace.is_slow(at(0), 10));
  EXPECT_FALSE(pace.is_slow(at(1), 10)) << "too early to tell";
  EXPECT_TRUE(pace.is_slow(at(2), 10 + 2 * kEnough - 1));
  EXPECT_FALSE(pace.is_slow(at(4), 10 + 4 * kEnough));
  EXPECT_FALSE(pace.is_slow(at(5), std::nullopt)) << "it waits for us";
  EXPECT_FALSE(pace.is_slow(at(6), 10 + 4 * kEnough));
  EXPECT_FALSE(pace.is_slow(at(7), 10 + 4 * kEnough));
  EXPECT_TRUE(pace.is_slow(at(8), 10 + 4 * kEnough));
  EXPECT_FALSE(pace.is_slow(at(11), 0)) << "another transfer";
}

TEST(LogThrottleTest, LetsSoManyLinesASecondThroughAndCountsTheOthers) {
  LogThrottle throttle(2);
  const Instant first{std::chrono::seconds(1)};
  EXPECT_EQ(throttle.take(first), 1U);
  EXPECT_EQ(throttle.take(first), 1U);
  EXPECT_EQ(throttle.take(first), std::nullopt);
  EXPECT_EQ(throttle.take(first + std::chrono::milliseconds(999)), std::nullopt);
  EXPECT_EQ(throttle.take(first + std::chrono::seconds(1)), 3U);
  EXPECT_EQ(throttle.take(first + std::chrono::seconds(1)), 1U);
  EXPECT_EQ(throttle.take(first + std::chrono::seconds(1)), std::nullopt);
}

}  // namespace
}  // namespace penstock::server
