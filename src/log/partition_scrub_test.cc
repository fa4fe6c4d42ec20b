// Verifying what lies on the device.

#include <gtest/gtest.h>

#include <chrono>

#include "log/testing/log_machine.h"
#include "task/started.h"

namespace penstock::log::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BatchShape kLarge{.payload_bytes = 7000};
constexpr std::uint64_t kUnpaced = kGiB;

void fill(LogMachine& machine, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) machine.append_ok(i, kLarge);
}

Result<ScrubReport> scrub(LogMachine& machine, std::uint64_t bytes_per_second = kUnpaced) {
  return machine.scheduler.run(machine.partition().scrub(bytes_per_second));
}

TEST(PartitionScrub, ReadsEverySealedSegmentAndFindsNothingInASoundOne) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 20);
  machine.sleep(seconds(1));  // so that what was rolled is sealed
  const auto report = scrub(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_GT(report->verified_bytes, 70'000U);
  EXPECT_EQ(report->finding_count, 0U);
  EXPECT_TRUE(machine.reports().empty());
}

// Headers, checksums, records and padding alike.
TEST(PartitionScrub, ABitThatRotsIsFoundOrBelongsToNoRecord) {
  std::uint64_t found = 0;
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    fill(machine, 3);
    EXPECT_TRUE(machine.stop());
  }
  constexpr std::uint64_t kStride = 67;  // of bits; no divisor of a block's
  const std::uint64_t bits = 8 * (2 * 2 * kBlockBytes + kLarge.payload_bytes);
  for (std::uint64_t bit = 0; bit < bits; bit += kStride) {
    const FilePosition byte = kFirstCommit + bit / 8;
    storage.flip_bit(segment_path(1), byte, static_cast<unsigned>(bit % 8));
    {
      LogMachine machine(storage);
      machine.start();
      const auto report = scrub(machine);
      ASSERT_TRUE(report) << report.error().message();
      if (report->finding_count == 0) {
        machine.expect_log({0, 1, 2}, kLarge);
        EXPECT_TRUE(machine.reports().empty());
      } else {
        ++found;
        ASSERT_EQ(machine.reports().size(), 1U);
        EXPECT_NE(machine.reports().front().find(segment_path(1)), std::string::npos);
      }
      ASSERT_FALSE(HasFailure()) << "bit " << bit;
    }
    storage.flip_bit(segment_path(1), byte, static_cast<unsigned>(bit % 8));
  }
  EXPECT_GT(found, bits / kStride * 3 / 4);
}

TEST(PartitionScrub, ReadsNoFasterThanItMay) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 40);
  machine.sleep(seconds(1));
  const Instant begin = machine.scheduler.now();
  const auto report = scrub(machine, 64 * kKiB);
  ASSERT_TRUE(report);
  const double took = std::chrono::duration<double>(machine.scheduler.now() - begin).count();
  const double due = static_cast<double>(report->verified_bytes) / (64 * kKiB);
  EXPECT_GE(took, 0.8 * due);
  EXPECT_LE(took, 1.3 * due);
}

TEST(PartitionScrub, DoesNotHoldUpACloseNorADeletion) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 40);
  machine.sleep(seconds(1));
  Started<Result<ScrubReport>> scrubbing(machine.partition().scrub(4 * kKiB));
  machine.sleep(milliseconds(100));
  EXPECT_TRUE(machine.scheduler.run(machine.partition().delete_below(Offset{40})));
  const Instant begin = machine.scheduler.now();
  EXPECT_TRUE(machine.stop());
  EXPECT_LT(machine.scheduler.now() - begin, seconds(5));
  ASSERT_TRUE(scrubbing.has_ended());
}

}  // namespace
}  // namespace penstock::log::testing
