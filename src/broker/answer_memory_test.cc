#include "broker/answer_memory.h"

#include <gtest/gtest.h>

#include <optional>

#include "task/sim_reactor.h"

namespace penstock::broker {
namespace {

class AnswerMemoryTest : public ::testing::Test {
 protected:
  using Share = AnswerMemory::Share;

  static Task<void> reserve_beside(AnswerMemory& memory, std::uint64_t wanted, std::uint64_t least,
                                   AbortSource& gone, std::optional<Share>& share) {
    share = co_await memory.reserve(wanted, least, gone);
  }
  void start_reserving(std::uint64_t wanted, std::optional<Share>& share) {
    start_reserving(wanted, std::min(wanted, AnswerMemory::kLeastBytes), share);
  }
  void start_reserving(std::uint64_t wanted, std::uint64_t least, std::optional<Share>& share) {
    scheduler_.spawn(reserve_beside(memory_, wanted, least, gone_, share));
    pass(Duration(1));
  }
  Share take(std::uint64_t bytes) { return {memory_, bytes}; }
  static Task<void> sleep(Scheduler& scheduler, Duration delay) { co_await scheduler.sleep_for(delay); }
  void pass(Duration time) { scheduler_.run(sleep(scheduler_, time)); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  std::uint64_t limit_ = kMiB;
  AbortSource gone_;
  AnswerMemory memory_{scheduler_, limit_};
};

TEST_F(AnswerMemoryTest, GivesAsMuchAsThereIsRoomFor) {
  std::optional<Share> first;
  std::optional<Share> second;
  start_reserving(600 * kKiB, first);
  start_reserving(600 * kKiB, second);
  EXPECT_EQ(first->bytes(), 600 * kKiB);
  EXPECT_EQ(second->bytes(), 424 * kKiB);
  EXPECT_FALSE(memory_.is_short());
  first->shrink(10);
  EXPECT_EQ(memory_.used_bytes(), 424 * kKiB + 10);
  first.reset();
  second.reset();
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

TEST_F(AnswerMemoryTest, WithoutRoomOneWaitsForIt) {
  Share taken = take(kMiB);
  std::optional<Share> first;
  std::optional<Share> second;
  start_reserving(100 * kKiB, first);
  start_reserving(100 * kKiB, second);
  EXPECT_FALSE(first || second);
  EXPECT_TRUE(memory_.is_short());
  taken.shrink(kMiB - 10 * kKiB);
  pass(Duration(1));
  EXPECT_FALSE(first || second) << "that little is not worth an answer";
  taken.shrink(0);
  pass(Duration(1));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(memory_.is_short());
}

// Or 5,000 clients that take nothing would each have a batch in memory.
TEST_F(AnswerMemoryTest, AfterAWhileTheLeastIsHadWithoutRoomTooByOneAtATime) {
  Share taken = take(2 * kMiB);
  std::optional<Share> first;
  std::optional<Share> second;
  std::optional<Share> third;
  start_reserving(100 * kKiB, first);
  start_reserving(3 * kMiB, 2 * kMiB, second);
  start_reserving(100 * kKiB, third);
  EXPECT_FALSE(first);
  pass(AnswerMemory::kLongestWait);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes(), AnswerMemory::kLeastBytes);
  EXPECT_TRUE(first->try_grow(100 * kKiB)) << "what it finds may be larger";
  pass(AnswerMemory::kLongestWait);
  EXPECT_FALSE(second || third);
  first.reset();
  pass(Duration(1));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->bytes(), 2 * kMiB);
  EXPECT_FALSE(third);
  taken.shrink(0);
  second->settle(10);
  pass(Duration(1));
  EXPECT_TRUE(third) << "now there is room";
}

TEST_F(AnswerMemoryTest, MoreThanThereIsIsHadWhenNobodyHasAnything) {
  std::optional<Share> share;
  start_reserving(5 * kMiB, 3 * kMiB, share);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->bytes(), 3 * kMiB);
}

TEST_F(AnswerMemoryTest, WhoHasGoneWaitsNoLongerAndHasNothing) {
  Share taken = take(kMiB);
  std::optional<Share> share;
  start_reserving(100 * kKiB, share);
  EXPECT_FALSE(share);
  gone_.abort();
  pass(Duration(1));
  ASSERT_TRUE(share);
  EXPECT_EQ(share->bytes(), 0U);
  EXPECT_FALSE(memory_.is_short());
  EXPECT_EQ(memory_.used_bytes(), kMiB);
}

TEST_F(AnswerMemoryTest, GrowsIfThereIsRoom) {
  Share share = take(10);
  EXPECT_TRUE(share.try_grow(5)) << "it has them";
  EXPECT_TRUE(share.try_grow(kMiB));
  EXPECT_FALSE(share.try_grow(kMiB + 1));
  EXPECT_EQ(share.bytes(), kMiB);
}

TEST_F(AnswerMemoryTest, NobodyWaitsForNothing) {
  Share taken = take(kMiB);
  std::optional<Share> share;
  start_reserving(0, share);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->bytes(), 0U);
}

TEST_F(AnswerMemoryTest, SharesThatLeaveTogetherCountOnce) {
  Share all;
  all.add(take(10));
  all.add(take(20));
  all.add(Share());
  EXPECT_EQ(all.bytes(), 30U);
  EXPECT_EQ(memory_.used_bytes(), 30U);
  all.shrink(0);
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

}  // namespace
}  // namespace penstock::broker
