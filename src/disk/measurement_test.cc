#include "disk/measurement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/testing/temp_directory.h"
#include "disk/sim_disk.h"
#include "disk/testing/image_mount.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

// In virtual time, on a simulated disk.

class MeasureFiles : public testing::Test {
 protected:
  static constexpr std::uint64_t kWrittenBytes = 8 * kMiB;
  static constexpr std::uint64_t kOtherBytes = kMiB;

  MeasureFiles() {
    storage_.make_directories("/d");
    const OpenOptions options{.write = true, .create = true};
    for (const char* name : {"/d/written", "/d/allocated", "/d/growing"}) {
      files_.push_back(std::move(*machine_.scheduler.run(machine_.disk.open(name, options))));
    }
  }

  MeasuredFiles files() const {
    return {.written = *files_[0],
            .allocated = *files_[1],
            .growing = *files_[2],
            .written_bytes = kWrittenBytes,
            .allocated_bytes = kOtherBytes,
            .growing_bytes = kOtherBytes};
  }
  Result<Measurement> measure(MeasurePlan plan) {
    return machine_.scheduler.run(measure_files(machine_.scheduler, files(), std::move(plan)));
  }
  std::uint64_t size_of(std::size_t file) { return *machine_.scheduler.run(files_[file]->size()); }

  static SimDiskOptions steady() {
    SimDiskOptions options;
    options.latency_min = options.latency_max = std::chrono::microseconds(100);
    return options;
  }

  SimStorage storage_;
  SimMachine machine_{storage_, steady()};
  std::vector<std::unique_ptr<File>> files_;
};

TEST_F(MeasureFiles, EachSeriesHasItsShareOfTheTimeAndNoMore) {
  const auto result = measure({.time = milliseconds(70), .many_reads = true});
  ASSERT_TRUE(result) << result.error().message();
  // 10 ms each, at 0.1 ms per operation.
  for (const LatencySeries* series : {&result->durable_growing, &result->durable_allocated,
                                      &result->durable_prewritten, &result->random_read}) {
    EXPECT_EQ(series->samples_us.size(), 100U);
    EXPECT_DOUBLE_EQ(series->p50_us, 100);
    EXPECT_DOUBLE_EQ(series->p99_us, 100);
  }
  EXPECT_EQ(result->random_read_many.operations, 100U * kManyReadsInFlight);
  EXPECT_EQ(result->random_read_many.in_flight, kManyReadsInFlight);
  EXPECT_EQ(result->sequential_read.operations, 100U * kSequentialInFlight);
  EXPECT_NEAR(result->random_read_many.operations_per_second(), 10'000 * kManyReadsInFlight, 1);
  // The file is full long before its share of the time has passed.
  EXPECT_EQ(result->sequential_write.bytes, kWrittenBytes);
  EXPECT_NEAR(result->seconds, 0.06, 0.002);
}

TEST_F(MeasureFiles, StaysInItsSpaceHoweverLongItTakes) {
  const auto result = measure({.time = milliseconds(1300), .many_reads = false});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(size_of(0), kWrittenBytes);
  EXPECT_EQ(size_of(1), kOtherBytes);
  EXPECT_EQ(size_of(2), kOtherBytes);
  EXPECT_EQ(result->durable_growing.samples_us.size(), kOtherBytes / kBlockBytes);
  EXPECT_EQ(result->durable_allocated.samples_us.size(), kOtherBytes / kBlockBytes);
  EXPECT_GT(result->durable_prewritten.samples_us.size(), kWrittenBytes / kBlockBytes) << "starts over";
  ASSERT_EQ(result->notes.size(), 1U);
  EXPECT_NE(result->notes[0].find("used up"), std::string::npos);
  EXPECT_EQ(result->random_read_many.operations, 0U);
}

TEST_F(MeasureFiles, ReadsOnlyWhatASlowDeviceHasWritten) {
  // One operation takes longer than the share of each.
  const auto result = measure({.time = std::chrono::microseconds(350)});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(size_of(0), kSequentialInFlight * kSequentialBytes);
  EXPECT_EQ(result->random_read_many.operations, kManyReadsInFlight);
  EXPECT_EQ(result->random_read_many.bytes, kManyReadsInFlight * kBlockBytes)
      << "no read behind the end";
  EXPECT_EQ(result->sequential_read.bytes, kSequentialInFlight * kSequentialBytes);
}

TEST_F(MeasureFiles, WithoutAnyTimeOnePieceIsWrittenAllTheSame) {
  const auto result = measure({.time = std::chrono::nanoseconds(1)});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(size_of(0), kSequentialBytes);
  EXPECT_TRUE(result->random_read.samples_us.empty());
  EXPECT_DOUBLE_EQ(result->random_read.p50_us, 0);
}

TEST_F(MeasureFiles, TellsHowFarItHasCome) {
  std::vector<std::string> told;
  double last = 0;
  const auto progress = [&](std::string_view what, double share) {
    EXPECT_GE(share, last);
    EXPECT_LE(share, 1.0);
    last = share;
    if (told.empty() || told.back() != what) told.emplace_back(what);
  };
  ASSERT_TRUE(measure({.time = milliseconds(700), .many_reads = true, .progress = progress}));
  EXPECT_EQ(told, (std::vector<std::string>{"sequential writes", "durable writes", "sequential reads",
                                            "random reads", "random reads, many at a time"}));
  EXPECT_GT(last, 0.6);
}

TEST_F(MeasureFiles, AnyErrorEndsItAndNothingIsLeftInFlight) {
  const auto operations = {SimOp::kWrite, SimOp::kRead, SimOp::kAllocate, SimOp::kSync};
  for (const SimOp op : operations) {
    for (const std::uint64_t nth : {1U, 3U}) {
      if (nth > 1 && (op == SimOp::kAllocate || op == SimOp::kSync)) continue;
      machine_.disk.inject({.op = op, .nth = nth, .errno_value = EIO});
      const auto result = measure({.time = milliseconds(70), .many_reads = true});
      ASSERT_FALSE(result) << to_string(op) << " " << nth;
      EXPECT_EQ(result.error().code(), ErrorCode::kIo);
    }
  }
}

TEST_F(MeasureFiles, AFileSystemWithoutFallocateIsMeasuredAllTheSame) {
  machine_.disk.inject({.op = SimOp::kAllocate, .errno_value = EOPNOTSUPP});
  const auto result = measure({.time = milliseconds(70)});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_TRUE(result->durable_allocated.samples_us.empty());
  EXPECT_FALSE(result->durable_prewritten.samples_us.empty());
  ASSERT_EQ(result->notes.size(), 1U);
  EXPECT_NE(result->notes[0].find("fallocate"), std::string::npos);
}

TEST(Percentile, IsTheSampleThatTheShareDoesNotExceed) {
  EXPECT_DOUBLE_EQ(percentile({}, 0.5), 0);
  EXPECT_DOUBLE_EQ(percentile({7}, 0.99), 7);
  EXPECT_DOUBLE_EQ(percentile({4, 1, 3, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(percentile({4, 1, 3, 2}, 1.0), 4);
  std::vector<float> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(static_cast<float>(i));
  EXPECT_DOUBLE_EQ(percentile(hundred, 0.99), 99);
}

// On this machine.

TEST(Measure, ARealMeasurementIsCompleteBoundedAndLeavesNothing) {
  const TempDirectory directory;
  const auto report = probe(directory.path());
  ASSERT_TRUE(report) << report.error().message();
  MeasureOptions options;
  options.seconds = 1;
  options.max_bytes = 32 * kMiB;
  const auto result = measure(*report, options);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->mode, choose_io_mode(*report, RequestedIoMode::kAuto)->mode);
  EXPECT_LE(result->file_bytes, options.max_bytes);
  EXPECT_LT(result->seconds, 30);
  for (const LatencySeries* series : {&result->durable_growing, &result->durable_allocated,
                                      &result->durable_prewritten, &result->random_read}) {
    ASSERT_FALSE(series->samples_us.empty());
    EXPECT_GT(series->p50_us, 0);
    EXPECT_GE(series->p99_us, series->p50_us);
  }
  EXPECT_GT(result->sequential_write.bytes_per_second(), 0);
  EXPECT_GT(result->sequential_read.bytes_per_second(), 0);
  EXPECT_EQ(result->random_read_many.operations > 0, result->io_uring);
  EXPECT_GE(result->processor_use.value_or(0), 0);
  EXPECT_LE(result->processor_use.value_or(0), 1);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Measure, AModeAskedForIsMeasuredAndTheCacheOwnedUpTo) {
  const TempDirectory directory;
  const auto report = probe(directory.path());
  ASSERT_TRUE(report);
  MeasureOptions options;
  options.seconds = 1;
  options.max_bytes = 16 * kMiB;
  options.mode = RequestedIoMode::kBuffered;
  const auto result = measure(*report, options);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->mode, IoMode::kBuffered);
  EXPECT_TRUE(std::ranges::any_of(result->notes, [](const std::string& note) {
    return note.find("page cache") != std::string::npos;
  }));
}

ProbeReport roomy_report(const std::string& directory) {
  ProbeReport report;
  report.path = report.directory = directory;
  report.file_system.available_bytes = kGiB;
  report.durable_write = report.direct = {.tried = Tried::kWorks, .why = ""};
  return report;
}

TEST(Measure, ImpossibleWishesAreRefusedWithWhatToDo) {
  const TempDirectory directory;
  const ProbeReport report = roomy_report(directory.path());
  for (const unsigned seconds : {0U, 61U}) {
    const auto refused = measure(report, {.seconds = seconds});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(measure(report, {.max_bytes = kMiB}).error().code(), ErrorCode::kInvalidArgument);

  ProbeReport full = report;
  full.file_system.available_bytes = 79 * kMiB;
  EXPECT_EQ(measure(full, {.seconds = 1}).error().code(), ErrorCode::kNoSpace);
  EXPECT_NE(measure(full, {.seconds = 1}).error().message().find("80 MiB"), std::string::npos);

  ProbeReport limited = report;
  limited.limits.file_size_bytes = kMiB;
  EXPECT_EQ(measure(limited, {.seconds = 1}).error().code(), ErrorCode::kTooLarge);

  ProbeReport forgetful = report;
  forgetful.durable_write = {.tried = Tried::kFails, .why = "no"};
  EXPECT_EQ(measure(forgetful, {.seconds = 1}).error().code(), ErrorCode::kNotSupported);

  ProbeReport gone = report;
  gone.directory = directory / "gone";
  const auto missing = measure(gone, {.seconds = 1});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find(gone.directory), std::string::npos)
      << missing.error().message();
}

TEST(Measure, ATenthOfTheAvailableSpaceIsTheMost) {
  const ImageMount mount("mkfs.ext4 -q -m 0", 160);
  if (!mount.is_mounted()) GTEST_SKIP() << "cannot mount such a file system here";
  const auto report = probe(mount.path());
  ASSERT_TRUE(report) << report.error().message();
  const auto result = measure(*report, {.seconds = 1});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_LE(result->file_bytes, report->file_system.available_bytes / 10);
}

}  // namespace
}  // namespace penstock
