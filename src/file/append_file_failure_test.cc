// When an operation of the device fails: the file is fenced, what was acknowledged is intact, and what
// did not reach the device can be had from memory.

#include <gtest/gtest.h>

#include <array>

#include "file/testing/traced_machine.h"

namespace penstock::file {
namespace {

constexpr std::array kPreparations{Preparation::kNone, Preparation::kAllocated, Preparation::kWritten};

AppendOptions small(Preparation preparation) {
  AppendOptions options;
  options.buffer_bytes = 2 * kBlockBytes;
  options.write_behind_max = 3;
  options.write_depth = 2;
  options.preparation = preparation;
  options.preparation_step_bytes = 8 * kBlockBytes;
  return options;
}

std::vector<std::byte> joined(const AppendFile::Unwritten& unwritten) {
  std::vector<std::byte> bytes;
  for (const SharedSlice& part : unwritten.bytes) {
    bytes.insert(bytes.end(), part.view().begin(), part.view().end());
  }
  return bytes;
}

// Appends of many sizes with flushes and syncs between, several buffers and steps of preparation long.
Result<void> live(AppendModel& model) {
  constexpr std::array<std::size_t, 9> kSizes{
      100, 5000, 1, 3 * kBlockBytes, 700, 9 * kBlockBytes, 4095, 6 * kBlockBytes + 11, 512};
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (auto done = model.append(kSizes.at(i)); !done) return done;
    if (i % 3 == 0) {
      if (auto done = model.sync(); !done) return done;
    }
    if (i % 3 == 1) {
      if (auto done = model.flush(); !done) return done;
    }
  }
  return model.seal();
}

struct Failure {
  SimOp op;
  Preparation preparation;
  std::uint64_t seed;
};

// All of what was appended is durable, on the device, or in unwritten(); and unwritten() begins where
// it has to.
void expect_nothing_missing(TracedMachine& machine, SimOp failed) {
  AppendModel& model = machine.model();
  const AppendFile::Unwritten unwritten = machine.file().unwritten();
  const std::vector<std::byte> in_memory = joined(unwritten);
  ASSERT_GE(unwritten.at.value, model.durable_bytes());
  ASSERT_EQ(unwritten.at.value + in_memory.size(), model.size_bytes());
  ASSERT_TRUE(std::ranges::equal(in_memory, model.bytes().subspan(unwritten.at.value)));
  if (failed == SimOp::kSync) return;
  // What is neither durable nor in memory was written before, by writes that succeeded.
  const auto on_device = model.read_back();
  ASSERT_TRUE(on_device);
  ASSERT_GE(on_device->size(), unwritten.at.value);
  ASSERT_TRUE(std::ranges::equal(ByteView(*on_device).first(unwritten.at.value),
                                 model.bytes().first(unwritten.at.value)));
}

void expect_fenced(TracedMachine& machine, const Error& first) {
  AppendModel& model = machine.model();
  ASSERT_TRUE(machine.file().fence());
  EXPECT_EQ(first.code(), ErrorCode::kIo) << first.message();
  EXPECT_EQ(machine.file().fence()->message(), first.message());
  const std::vector<Result<void>> later{model.append(1), model.flush(), model.sync(), model.seal()};
  for (const Result<void>& refused : later) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kFenced);
    EXPECT_NE(refused.error().message().find(first.message()), std::string::npos);
  }
}

// Returns false when there are fewer than `nth` such operations.
bool fails_and_keeps(const Failure& failure, std::uint64_t nth) {
  TracedMachine machine(small(failure.preparation), failure.seed);
  AppendModel& model = machine.model();
  EXPECT_TRUE(model.create());
  machine.disk().inject({.op = failure.op, .path_part = "/d/f", .nth = nth});
  const Result<void> done = live(model);
  if (done) {
    EXPECT_FALSE(machine.file().fence());
    return false;
  }
  drain(machine.scheduler());
  expect_fenced(machine, done.error());
  expect_nothing_missing(machine, failure.op);
  EXPECT_EQ(model.complaint(), "");
  return true;
}

class AppendFileFailure : public testing::TestWithParam<SimOp> {};

TEST_P(AppendFileFailure, FencesAndLosesNothingThatIsInMemory) {
  constexpr std::uint64_t kSeeds = 10;
  std::uint64_t failures = 0;
  for (const Preparation preparation : kPreparations) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      for (std::uint64_t nth = 1; fails_and_keeps({GetParam(), preparation, seed}, nth); ++nth) {
        ++failures;
        ASSERT_FALSE(HasFailure()) << "preparation " << static_cast<int>(preparation) << ", seed "
                                   << seed << ", the one that failed is number " << nth;
      }
    }
  }
  EXPECT_GE(failures, kSeeds) << "hardly anything failed";
}

// And what was synced before survives whatever comes then.
TEST_P(AppendFileFailure, ThenAPowerCutLosesNothingThatWasSynced) {
  for (const Preparation preparation : kPreparations) {
    for (std::uint64_t nth = 1; nth < 40; ++nth) {
      SimStorage storage;
      storage.make_directories("/d");
      AppendModel model("/d/f", small(preparation));
      {
        SimMachine machine(storage, {.seed = nth});
        model.use(machine.scheduler, machine.disk);
        ASSERT_TRUE(model.create());
        machine.disk.inject({.op = GetParam(), .path_part = "/d/f", .nth = nth});
        (void)live(model);
        machine.disk.power_cut();
        model.drop();
        drain(machine.scheduler);
      }
      SimMachine machine(storage, {.seed = nth + 1000});
      model.use(machine.scheduler, machine.disk);
      (void)model.check_survivors(SimCrash::kPowerCut);
      ASSERT_EQ(model.complaint(), "") << "number " << nth;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, AppendFileFailure,
                         testing::Values(SimOp::kWrite, SimOp::kSync, SimOp::kTruncate,
                                         SimOp::kAllocate),
                         [](const testing::TestParamInfo<SimOp>& info) {
                           return std::string(to_string(info.param));
                         });

TEST(AppendFileFailures, AFailedWriteDoesNotLoseTheTail) {
  TracedMachine machine(small(Preparation::kNone));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  ASSERT_TRUE(model.append(100));
  ASSERT_TRUE(model.sync());
  ASSERT_TRUE(model.append(200));
  machine.disk().inject({.op = SimOp::kWrite});
  const Result<void> failed = model.sync();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
  const AppendFile::Unwritten unwritten = machine.file().unwritten();
  EXPECT_EQ(unwritten.at, FilePosition{100});
  EXPECT_TRUE(std::ranges::equal(joined(unwritten), model.bytes().subspan(100)));
}

TEST(AppendFileFailures, AfterAFailedSyncWhatIsStillInMemoryIsUnwritten) {
  TracedMachine machine(small(Preparation::kNone));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  ASSERT_TRUE(model.append(100));
  ASSERT_TRUE(model.flush());
  machine.disk().inject({.op = SimOp::kSync});
  ASSERT_FALSE(model.sync());
  EXPECT_EQ(joined(machine.file().unwritten()).size(), 100U);
}

TEST(AppendFileFailures, ABuffersLateFailureIsToldByTheNextCall) {
  TracedMachine machine(small(Preparation::kNone));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  machine.disk().inject({.op = SimOp::kWrite});
  ASSERT_TRUE(model.append(2 * kBlockBytes + 1));
  drain(machine.scheduler());
  const Result<void> told = model.append(1);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), ErrorCode::kIo);
  EXPECT_EQ(joined(machine.file().unwritten()).size(), 2 * kBlockBytes + 1);
}

TEST(AppendFileFailures, WhatStillWaitsForTheDeviceIsKeptAndNotWritten) {
  AppendOptions options = small(Preparation::kNone);
  options.write_depth = 1;
  TracedMachine machine(options);
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  machine.disk().inject({.op = SimOp::kWrite});
  ASSERT_TRUE(model.append(6 * kBlockBytes + 1));
  drain(machine.scheduler());
  EXPECT_EQ(machine.count(SimOp::kWrite), 1U);
  ASSERT_FALSE(model.append(1));
  EXPECT_EQ(joined(machine.file().unwritten()).size(), 6 * kBlockBytes + 1);
}

TEST(AppendFileFailures, TheFirstCauseIsTheOneThatIsTold) {
  TracedMachine machine(small(Preparation::kNone));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  machine.disk().inject({.op = SimOp::kWrite});
  machine.disk().inject(
      {.op = SimOp::kWrite, .nth = 2, .errno_value = ENOSPC, .delay = std::chrono::seconds(1)});
  ASSERT_TRUE(model.append(4 * kBlockBytes + 1));
  drain(machine.scheduler());
  const Result<void> told = model.sync();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), ErrorCode::kIo);
}

// Space that could not be reserved may be tried again; a sync that failed, for whatever reason, may
// not.
TEST(AppendFileFailures, ASyncOfPreparedSpaceThatFailsFencesWhateverItSays) {
  TracedMachine machine(small(Preparation::kWritten));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  machine.disk().inject({.op = SimOp::kSync, .errno_value = ENOSPC});
  const Result<void> failed = model.append(1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(machine.file().fence());
}

TEST(AppendFileFailures, AnOpenThatFailsCanBeMadeAgain) {
  for (const SimOp op : {SimOp::kOpen, SimOp::kSize, SimOp::kTruncate, SimOp::kSync,
                         SimOp::kSyncDirectory, SimOp::kRead}) {
    TracedMachine machine(small(Preparation::kNone));
    AppendModel& model = machine.model();
    ASSERT_TRUE(model.create());
    ASSERT_TRUE(model.append(5000));
    ASSERT_TRUE(model.seal());
    machine.disk().inject({.op = op});
    const Result<void> failed = model.open(4500);
    ASSERT_FALSE(failed) << to_string(op);
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
    ASSERT_TRUE(model.open(4500)) << to_string(op);
    ASSERT_TRUE(model.append(10));
    ASSERT_TRUE(model.seal());
    ASSERT_TRUE(model.check_device());
    EXPECT_EQ(model.complaint(), "") << to_string(op);
  }
}

}  // namespace
}  // namespace penstock::file
