#include "broker/answer_memory.h"

#include <gtest/gtest.h>

#include <optional>

#include "task/sim_reactor.h"

namespace penstock::broker {
namespace {

class AnswerMemoryTest : public ::testing::Test {
 protected:
  using Share = AnswerMemory::Share;

  static Task<void> reserve_beside(AnswerMemory& memory, std::uint64_t wanted,
                                   std::optional<Share>& share) {
    share = co_await memory.reserve(wanted);
  }
  void start_reserving(std::uint64_t wanted, std::optional<Share>& share) {
    scheduler_.spawn(reserve_beside(memory_, wanted, share));
    pass(Duration(1));
  }
  static Task<void> sleep(Scheduler& scheduler, Duration delay) { co_await scheduler.sleep_for(delay); }
  void pass(Duration time) { scheduler_.run(sleep(scheduler_, time)); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  std::uint64_t limit_ = kMiB;
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
  Share taken = memory_.take(kMiB);
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

TEST_F(AnswerMemoryTest, AfterAWhileTheLeastIsHadWithoutRoomToo) {
  Share taken = memory_.take(2 * kMiB);
  std::optional<Share> share;
  start_reserving(100 * kKiB, share);
  EXPECT_FALSE(share);
  pass(AnswerMemory::kLongestWait);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->bytes(), AnswerMemory::kLeastBytes);
}

TEST_F(AnswerMemoryTest, NobodyWaitsForNothing) {
  Share taken = memory_.take(kMiB);
  std::optional<Share> share;
  start_reserving(0, share);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->bytes(), 0U);
}

TEST_F(AnswerMemoryTest, SharesThatLeaveTogetherCountOnce) {
  Share all;
  all.add(memory_.take(10));
  all.add(memory_.take(20));
  all.add(Share());
  EXPECT_EQ(all.bytes(), 30U);
  EXPECT_EQ(memory_.used_bytes(), 30U);
  all.shrink(0);
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

}  // namespace
}  // namespace penstock::broker
