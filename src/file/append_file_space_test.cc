// When space runs out, and when it comes back.

#include <gtest/gtest.h>

#include <array>

#include "disk/testing/image_mount.h"
#include "disk/testing/real_disks.h"
#include "file/testing/traced_machine.h"

namespace penstock::file {
namespace {

constexpr std::uint64_t kStepBytes = 16 * kBlockBytes;

AppendOptions stepwise(Preparation preparation) {
  AppendOptions options;
  options.buffer_bytes = 2 * kBlockBytes;
  options.preparation = preparation;
  options.preparation_step_bytes = kStepBytes;
  return options;
}

class AppendFileSpace : public testing::TestWithParam<Preparation> {
 protected:
  void SetUp() override { ASSERT_TRUE(model_.create()); }
  void TearDown() override { EXPECT_EQ(model_.complaint(), ""); }

  void expect_whole() {
    ASSERT_TRUE(model_.sync());
    ASSERT_TRUE(model_.check_device());
    ASSERT_TRUE(model_.seal());
    ASSERT_TRUE(model_.check_device());
  }
  void expect_no_space(std::size_t size_bytes) {
    const Result<void> full = model_.append(size_bytes);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
    EXPECT_NE(full.error().message().find("append again"), std::string::npos) << full.error().message();
    EXPECT_FALSE(machine_.file().fence());
  }

  TracedMachine machine_{stepwise(GetParam())};
  AppendModel& model_ = machine_.model();
};

TEST_P(AppendFileSpace, AnAppendThatFindsNoneHasNoEffectAndCanBeMadeAgain) {
  machine_.storage().set_capacity(kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes - 10));
  drain(machine_.scheduler());
  expect_no_space(11);
  expect_no_space(kBlockBytes);
  machine_.storage().set_capacity(10 * kStepBytes);
  ASSERT_TRUE(model_.append(kBlockBytes));
  expect_whole();
}

TEST_P(AppendFileSpace, AppendsWithinWhatIsPreparedGoOn) {
  machine_.storage().set_capacity(kStepBytes);
  ASSERT_TRUE(model_.append(100));
  expect_no_space(kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes / 2));
  ASSERT_TRUE(model_.sync());
  expect_no_space(kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes - model_.size_bytes()));
  expect_whole();
}

TEST_P(AppendFileSpace, TheLastBlocksOfADeviceCanBeUsed) {
  machine_.storage().set_capacity(kStepBytes + 3 * kBlockBytes);
  ASSERT_TRUE(model_.append(kStepBytes));
  ASSERT_TRUE(model_.append(kBlockBytes + 1));
  ASSERT_TRUE(model_.append(2 * kBlockBytes - 1));
  expect_no_space(1);
  expect_whole();
}

TEST_P(AppendFileSpace, AFailureInTheBackgroundIsNotAnError) {
  machine_.storage().set_capacity(kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes / 2 + 1));
  drain(machine_.scheduler());
  EXPECT_FALSE(machine_.file().fence());
  machine_.forget();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(model_.append(100));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count(SimOp::kAllocate), 0U) << "tried again before it was needed";
  machine_.storage().set_capacity(10 * kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes / 2));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count(SimOp::kAllocate), 1U) << "this one was needed";
  ASSERT_TRUE(model_.append(kStepBytes / 2));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count(SimOp::kAllocate), 2U) << "and this one is ahead again";
  expect_whole();
}

TEST_P(AppendFileSpace, AnAppendThatFindsNoneLeavesTheFilesSize) {
  ASSERT_TRUE(model_.append(5000));
  ASSERT_TRUE(model_.seal());
  ASSERT_TRUE(model_.open(std::nullopt));
  machine_.storage().set_capacity(2 * kBlockBytes);
  expect_no_space(5000);
  model_.drop();
  drain(machine_.scheduler());
  EXPECT_EQ(model_.read_back()->size(), 5000U);
}

TEST_P(AppendFileSpace, TheNextStepIsPreparedWhenHalfOfTheLastIsUsed) {
  ASSERT_TRUE(model_.append(kStepBytes / 2));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count(SimOp::kAllocate), 1U);
  ASSERT_TRUE(model_.append(1));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count(SimOp::kAllocate), 2U);
  EXPECT_EQ(model_.read_back()->size(), 2 * kStepBytes);
  expect_whole();
}

TEST_P(AppendFileSpace, SealDoesNotWaitForTheRestOfAStep) {
  AppendOptions options = stepwise(GetParam());
  options.preparation_step_bytes = 64 * kMiB;
  AppendModel large("/d/large", options);
  large.use(machine_.scheduler(), machine_.disk());
  ASSERT_TRUE(large.create());
  ASSERT_TRUE(large.append(5000));
  ASSERT_TRUE(large.seal());
  ASSERT_TRUE(large.open(std::nullopt));
  // It fits into the last block; the first step starts beside it.
  ASSERT_TRUE(large.append(1));
  EXPECT_EQ(machine_.scheduler().spawned_count(), 1U);
  const Instant before = machine_.scheduler().now();
  ASSERT_TRUE(large.seal());
  EXPECT_LT(machine_.scheduler().now() - before, std::chrono::milliseconds(10));
  EXPECT_EQ(large.complaint(), "");
}

TEST_P(AppendFileSpace, AFileThatMayNotGrowIsNotFenced) {
  machine_.disk().inject({.op = SimOp::kAllocate, .count = 2, .errno_value = EFBIG});
  const Result<void> too_large = model_.append(10);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kTooLarge);
  EXPECT_NE(too_large.error().message().find("RLIMIT_FSIZE"), std::string::npos);
  ASSERT_TRUE(model_.append(10));
  expect_whole();
}

TEST_P(AppendFileSpace, AFileSystemThatCannotReserveSaysWhatToDo) {
  machine_.disk().inject({.op = SimOp::kAllocate, .count = 2, .errno_value = EOPNOTSUPP});
  const Result<void> refused = model_.append(10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNotSupported);
  EXPECT_NE(refused.error().message().find("Preparation::kNone"), std::string::npos);
  EXPECT_FALSE(machine_.file().fence());
}

// With an owner that takes the steps ahead itself, as one whose disk blocks does.
class AppendFileSpaceOfAnOwner : public AppendFileSpace {
 protected:
  void SetUp() override {
    model_.use(machine_.scheduler(), machine_.disk());
    ASSERT_TRUE(model_.create());
    // The first step is nobody's to take but the append's.
    ASSERT_TRUE(model_.append(kStepBytes / 2 + 1));
  }
  void TearDown() override {
    EXPECT_EQ(model_.complaint(), "");
    model_.drop();
    drain(machine_.scheduler());
  }
  AppendFile& file() { return model_.file(); }
  Result<void> take(const PreparationStep& step) {
    OpenOptions writable;
    writable.write = true;
    auto other = machine_.run(machine_.disk().open(model_.path(), writable));
    if (!other) return Unexpected(other.error());
    if (auto done = machine_.run(take_step(**other, step, is_given_up_)); !done) return done;
    return machine_.run((*other)->sync(SyncScope::kData));
  }
  void end(const PreparationStep& step, const Result<void>& done) {
    machine_.run(file().end_step(step, done));
  }

  AppendModel model_{"/d/owned", of_owner(stepwise(GetParam()))};
  std::atomic<bool> is_given_up_ = false;

 private:
  static AppendOptions of_owner(AppendOptions options) {
    options.owner_prepares = true;
    return options;
  }
};

TEST_P(AppendFileSpaceOfAnOwner, AppendsGoOnInFrontOfTheStepAndThenBehindIt) {
  drain(machine_.scheduler());
  EXPECT_EQ(model_.read_back()->size(), kStepBytes) << "somebody else takes it";
  const std::optional<PreparationStep> step = file().begin_step();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->from, FilePosition{kStepBytes});
  EXPECT_EQ(step->to, FilePosition{2 * kStepBytes});
  EXPECT_FALSE(file().begin_step()) << "one at a time";
  EXPECT_TRUE(file().has_space_for(kStepBytes / 2 - 1));
  EXPECT_FALSE(file().has_space_for(kStepBytes / 2));
  ASSERT_TRUE(model_.append(kStepBytes / 2 - 1));
  ASSERT_TRUE(model_.sync());
  ASSERT_TRUE(take(*step));
  end(*step, {});
  EXPECT_TRUE(file().has_space_for(kStepBytes));
  EXPECT_FALSE(file().begin_step()) << "a whole step is left";
  ASSERT_TRUE(model_.append(kStepBytes));
  ASSERT_TRUE(model_.sync());
  ASSERT_TRUE(model_.check_device());
  ASSERT_TRUE(model_.seal());
  ASSERT_TRUE(model_.check_device());
}

TEST_P(AppendFileSpaceOfAnOwner, AStepThatFailsIsTakenByTheAppendThatNeedsIt) {
  const std::optional<PreparationStep> step = file().begin_step();
  ASSERT_TRUE(step);
  machine_.storage().set_capacity(kStepBytes);
  const Result<void> full = take(*step);
  ASSERT_FALSE(full);
  end(*step, full);
  EXPECT_FALSE(file().fence());
  EXPECT_FALSE(file().begin_step()) << "not before somebody needs it";
  machine_.storage().set_capacity(10 * kStepBytes);
  ASSERT_TRUE(model_.append(kStepBytes));
  EXPECT_TRUE(file().begin_step()) << "and this one is ahead again";
}

TEST_P(AppendFileSpaceOfAnOwner, AStepThatWasGivenUpIsNoFailure) {
  const std::optional<PreparationStep> step = file().begin_step();
  ASSERT_TRUE(step);
  is_given_up_ = true;
  const Result<void> given_up = take(*step);
  EXPECT_EQ(given_up.has_value(), GetParam() == Preparation::kAllocated) << "that takes no time";
  end(*step, fail(ErrorCode::kClosed, "given up"));
  EXPECT_FALSE(file().has_space_for(kStepBytes));
  ASSERT_TRUE(model_.append(kStepBytes));
  ASSERT_TRUE(model_.seal());
  ASSERT_TRUE(model_.check_device());
}

TEST_P(AppendFileSpaceOfAnOwner, AStepThatTheDeviceFailsFencesTheFile) {
  const std::optional<PreparationStep> step = file().begin_step();
  ASSERT_TRUE(step);
  end(*step, Unexpected(Error::from_errno(EIO, "write zeros")));
  EXPECT_TRUE(file().fence());
  EXPECT_FALSE(model_.append(1));
}

const auto kPrepared = testing::Values(Preparation::kAllocated, Preparation::kWritten);
std::string name_of(const testing::TestParamInfo<Preparation>& info) {
  return info.param == Preparation::kWritten ? "Written" : "Allocated";
}
INSTANTIATE_TEST_SUITE_P(Prepared, AppendFileSpaceOfAnOwner, kPrepared, name_of);
INSTANTIATE_TEST_SUITE_P(Prepared, AppendFileSpace, kPrepared, name_of);

TEST(AppendFileSpaceWithoutPreparation, AWriteThatFindsNoneFences) {
  TracedMachine machine(stepwise(Preparation::kNone));
  AppendModel& model = machine.model();
  ASSERT_TRUE(model.create());
  machine.storage().set_capacity(kBlockBytes);
  ASSERT_TRUE(model.append(100));
  ASSERT_TRUE(model.sync());
  ASSERT_TRUE(model.append(kBlockBytes));
  const Result<void> full = model.sync();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  ASSERT_TRUE(machine.file().fence());
  EXPECT_EQ(machine.file().unwritten().at, FilePosition{100});
}

class AppendFileOnAFullFileSystem : public testing::TestWithParam<RealMake> {
 protected:
  void SetUp() override {
    if (!mount_.is_mounted()) GTEST_SKIP() << "cannot mount a loop device (needs root, mkfs.ext4)";
    under_test_ = RealDiskUnderTest::make(GetParam(), IoMode::kDirect, mount_.path());
    if (!under_test_) GTEST_SKIP() << "this machine cannot have such a disk";
  }
  std::uint64_t available_bytes() {
    return under_test_->scheduler().run(under_test_->disk().space(mount_.path()))->available_bytes;
  }

  ImageMount mount_{"mkfs.ext4 -q", 24};
  std::unique_ptr<RealDiskUnderTest> under_test_;
};

TEST_P(AppendFileOnAFullFileSystem, AFailedAppendTakesNothingAndSpaceThatIsFreedIsUsed) {
  for (const Preparation preparation : {Preparation::kAllocated, Preparation::kWritten}) {
    AppendOptions options;
    options.preparation = preparation;
    options.preparation_step_bytes = 4 * kMiB;
    AppendModel ballast(mount_.path() + "/ballast", options);
    AppendModel model(mount_.path() + "/file", options);
    for (AppendModel* each : {&ballast, &model}) {
      each->use(under_test_->scheduler(), under_test_->disk());
      ASSERT_TRUE(each->create());
    }
    ASSERT_TRUE(ballast.append(4 * kMiB));
    ASSERT_TRUE(ballast.seal());
    ASSERT_TRUE(model.append(1));
    const std::uint64_t before_bytes = available_bytes();
    ASSERT_FALSE(model.append(30 * kMiB));
    // Apart from a block of the file system's own.
    EXPECT_GE(available_bytes() + 64 * kKiB, before_bytes) << "it reserved a part, and kept it";
    Result<void> full;
    while (full && model.size_bytes() < kGiB) full = model.append(300'000);
    ASSERT_FALSE(full) << "a small device never became full";
    EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace) << full.error().message();
    ASSERT_TRUE(model.sync());

    ballast.drop();
    ASSERT_TRUE(under_test_->scheduler().run(under_test_->disk().remove(ballast.path())));
    under_test_->stack().pool().finish_submitted();  // where files are closed
    ASSERT_TRUE(model.append(300'000));
    ASSERT_TRUE(model.seal());
    ASSERT_TRUE(model.check_device());
    EXPECT_EQ(model.complaint(), "");
    model.drop();
    drain(under_test_->scheduler());
    ASSERT_TRUE(under_test_->scheduler().run(under_test_->disk().remove(model.path())));
    under_test_->stack().pool().finish_submitted();
  }
}

std::string name_of_real_make(const testing::TestParamInfo<RealMake>& info) {
  constexpr std::array kNames{"Uring", "Inline", "Pool"};
  return kNames.at(static_cast<std::size_t>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Real, AppendFileOnAFullFileSystem,
                         testing::Values(RealMake::kUring, RealMake::kInline, RealMake::kPool),
                         name_of_real_make);

}  // namespace
}  // namespace penstock::file
