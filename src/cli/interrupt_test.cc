#include "cli/interrupt.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "cli/deadline.h"
#include "cli/kafka_cluster.h"

namespace penstock::cli {
namespace {

using std::chrono::milliseconds;

bool is_readable(const Interrupt& interrupt) {
  pollfd waiting{.fd = interrupt.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) > 0;
}

TEST(Interrupt, CountsSignalsAndWakesWhoPolls) {
  const Interrupt interrupt;
  EXPECT_FALSE(interrupt.is_requested());
  EXPECT_FALSE(is_readable(interrupt));
  std::raise(SIGINT);
  EXPECT_TRUE(interrupt.is_requested());
  EXPECT_FALSE(interrupt.is_urgent());
  EXPECT_TRUE(is_readable(interrupt));
  EXPECT_EQ(interrupt.exit_code(), 130);
  interrupt.drain();
  EXPECT_FALSE(is_readable(interrupt));
  std::raise(SIGTERM);
  EXPECT_TRUE(interrupt.is_urgent());
  EXPECT_TRUE(is_readable(interrupt));
  EXPECT_EQ(interrupt.exit_code(), 143);
}

TEST(Interrupt, TheNextOneBeginsAtNone) {
  {
    const Interrupt interrupt;
    std::raise(SIGINT);
  }
  const Interrupt interrupt;
  EXPECT_FALSE(interrupt.is_requested());
}

TEST(InterruptDeathTest, TheThirdSignalEndsTheProcess) {
  const auto raise_three = [] {
    const Interrupt interrupt;
    std::raise(SIGINT);
    std::raise(SIGINT);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(raise_three(), testing::ExitedWithCode(130), "");
}

TEST(Deadline, PassesWithTheSignalThatItWasToldToHeed) {
  const Interrupt interrupt;
  const Deadline first(milliseconds(60'000), interrupt, 1);
  const Deadline second(milliseconds(60'000), interrupt, 2);
  EXPECT_FALSE(first.has_passed());
  std::raise(SIGINT);
  EXPECT_TRUE(first.has_passed());
  EXPECT_EQ(first.remaining(), milliseconds(0));
  EXPECT_FALSE(second.has_passed());
  std::raise(SIGINT);
  EXPECT_TRUE(second.has_passed());
}

TEST(Deadline, AtMostIsTheSoonerOfTheTwo) {
  const Deadline deadline(milliseconds(60'000));
  EXPECT_LE(deadline.at_most(milliseconds(10)).remaining(), milliseconds(10));
  EXPECT_LE(Deadline(milliseconds(10)).at_most(milliseconds(60'000)).remaining(), milliseconds(10));
}

TEST(SleepBeforeRetry, EndsWithTheSignal) {
  const Interrupt interrupt;
  const Deadline deadline(milliseconds(60'000), interrupt, 1);
  EXPECT_TRUE(sleep_before_retry(milliseconds(1), deadline));
  std::thread signals([] {
    std::this_thread::sleep_for(milliseconds(50));
    std::raise(SIGTERM);
  });
  const Deadline soon(milliseconds(20'000));
  EXPECT_FALSE(sleep_before_retry(milliseconds(30'000), deadline));
  EXPECT_FALSE(soon.has_passed());
  signals.join();
}

}  // namespace
}  // namespace penstock::cli
