#include "disk/transfer.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace penstock {
namespace {

constexpr FilePosition kStart{10 * kBlockBytes};
using Step = Transfer::Step;

TEST(Transfer, AWholeCountCompletesIt) {
  Transfer transfer(kStart, 2 * kBlockBytes);
  EXPECT_EQ(transfer.position(), kStart);
  EXPECT_EQ(transfer.remaining_bytes(), 2 * kBlockBytes);
  EXPECT_EQ(transfer.take(2 * kBlockBytes), Step::kComplete);
}

TEST(Transfer, AShortCountGoesOnFromWhereItEnded) {
  Transfer transfer(kStart, 4 * kBlockBytes);
  EXPECT_EQ(transfer.take(kBlockBytes), Step::kShort);
  EXPECT_EQ(transfer.position(), kStart + kBlockBytes);
  EXPECT_EQ(transfer.at(), kBlockBytes);
  EXPECT_EQ(transfer.take(3 * kBlockBytes), Step::kComplete);
}

TEST(Transfer, AShortCountInsideABlockGoesOnFromTheBlock) {
  Transfer transfer(kStart, 4 * kBlockBytes);
  EXPECT_EQ(transfer.take(kBlockBytes + 512), Step::kShort);
  EXPECT_EQ(transfer.position(), kStart + kBlockBytes);
  EXPECT_EQ(transfer.reached(), kStart + kBlockBytes + 512);
  EXPECT_EQ(transfer.take(3 * kBlockBytes), Step::kComplete);
}

TEST(Transfer, InterruptionsAreTriedAgain) {
  for (const int error : {EINTR, EAGAIN, ECANCELED}) {
    Transfer transfer(kStart, kBlockBytes);
    EXPECT_FALSE(transfer.was_turned_away());
    EXPECT_EQ(transfer.take(-error), Step::kGoOn);
    EXPECT_TRUE(transfer.was_turned_away());
    EXPECT_EQ(transfer.remaining_bytes(), kBlockBytes);
    EXPECT_EQ(transfer.take(kBlockBytes), Step::kComplete);
  }
}

TEST(Transfer, InterruptionsWithoutEndFail) {
  Transfer transfer(kStart, kBlockBytes);
  for (int i = 0; i < Transfer::kMaxIdleCalls; ++i) ASSERT_EQ(transfer.take(-EAGAIN), Step::kGoOn);
  EXPECT_EQ(transfer.take(-EAGAIN), Step::kFailed);
  EXPECT_EQ(transfer.error(), EAGAIN);
}

TEST(Transfer, CallsThatMoveNothingFailAsIoErrors) {
  Transfer transfer(kStart, kBlockBytes);
  for (int i = 0; i < Transfer::kMaxIdleCalls; ++i) ASSERT_EQ(transfer.take(0), Step::kShort);
  EXPECT_EQ(transfer.take(0), Step::kFailed);
  EXPECT_EQ(transfer.error(), EIO);
}

TEST(Transfer, ProgressStartsTheCountAnew) {
  Transfer transfer(kStart, 100 * kBlockBytes);
  for (int i = 0; i < 99; ++i) {
    ASSERT_EQ(transfer.take(-EINTR), Step::kGoOn);
    ASSERT_EQ(transfer.take(kBlockBytes), Step::kShort);
  }
  EXPECT_EQ(transfer.take(kBlockBytes), Step::kComplete);
}

TEST(Transfer, OtherErrorsFailAtOnce) {
  Transfer transfer(kStart, kBlockBytes);
  EXPECT_EQ(transfer.take(-EIO), Step::kFailed);
  EXPECT_EQ(transfer.error(), EIO);
}

TEST(Transfer, HugeTransfersGoInSeveralCalls) {
  Transfer transfer(kStart, 3 * kGiB);
  EXPECT_EQ(transfer.remaining_bytes(), kGiB);
  EXPECT_EQ(transfer.take(kGiB), Step::kGoOn);
  EXPECT_EQ(transfer.take(kGiB), Step::kGoOn);
  EXPECT_EQ(transfer.take(kGiB), Step::kComplete);
}

TEST(TransferDeathTest, MoreBytesThanAskedForIsABug) {
  Transfer transfer(kStart, kBlockBytes);
  EXPECT_DEATH((void)transfer.take(2 * kBlockBytes), "more bytes than it was asked");
}

}  // namespace
}  // namespace penstock
