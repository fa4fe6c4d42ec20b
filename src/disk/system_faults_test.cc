// The seam for faults below the real disks, and what the disks make of them.

#include "disk/system_faults.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "disk/testing/real_disks.h"
#include "disk/transfer.h"

namespace penstock {
namespace {

using Kind = SystemFault::Kind;

// ---- which calls are hit

TEST(SystemFaults, HitTheNthCallOfTheirKindAndAsManyAsTheySay) {
  SystemFaults faults;
  EXPECT_EQ(faults.next(SystemCall::kWrite), nullptr);
  faults.inject({.call = SystemCall::kWrite, .nth = 2, .count = 2, .errno_value = ENOSPC});
  EXPECT_EQ(faults.next(SystemCall::kWrite), nullptr);
  EXPECT_EQ(faults.next(SystemCall::kRead), nullptr);
  for (int i = 0; i < 2; ++i) {
    const SystemFault* hit = faults.next(SystemCall::kWrite);
    ASSERT_NE(hit, nullptr);
    EXPECT_EQ(hit->errno_value, ENOSPC);
  }
  EXPECT_EQ(faults.next(SystemCall::kWrite), nullptr);
  EXPECT_EQ(faults.call_count(SystemCall::kWrite), 5U);
  EXPECT_EQ(faults.call_count(SystemCall::kRead), 1U);
  EXPECT_EQ(faults.hit_count(), 2U);
}

TEST(SystemFaultsDeathTest, AFaultThatCannotHappenIsABugOfTheTest) {
  SystemFaults faults;
  EXPECT_DEATH(faults.inject({.call = SystemCall::kSync, .kind = Kind::kShortened}), "cut short");
  EXPECT_DEATH(faults.inject({.call = SystemCall::kOpen, .kind = Kind::kMisreported}), "descriptor");
  EXPECT_DEATH(faults.inject({.call = SystemCall::kRead, .nth = 0}), "without a place");
}

// ---- on the ring

class Noted final : public UringOperation {
 public:
  void complete(int result, unsigned /*flags*/) override { results.push_back(result); }
  std::vector<int> results;
};

class RingFaults : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<UringReactor>> made = UringReactor::create({.submission_entries = 4});
    if (!made) GTEST_SKIP() << made.error().message();
    ring_ = std::move(*made);
    ring_->set_faults(&faults_);
  }

  SystemFaults faults_;
  std::unique_ptr<UringReactor> ring_;
};

TEST_F(RingFaults, ARefusedOperationCompletesInALaterPollAndNeverReachesTheKernel) {
  faults_.inject({.call = SystemCall::kOther, .errno_value = EIO});
  io_uring_sqe entry;
  io_uring_prep_nop(&entry);
  Noted operation;
  ring_->start(operation, entry);
  EXPECT_TRUE(operation.is_in_flight());
  EXPECT_TRUE(operation.results.empty());
  EXPECT_EQ(ring_->in_flight_count(), 1U);
  ring_->poll(Reactor::kForever);  // does not wait: there is something to do
  EXPECT_EQ(operation.results, std::vector<int>{-EIO});
  EXPECT_EQ(ring_->in_flight_count(), 0U);
  EXPECT_EQ(ring_->stats().completed_count, 1U);
}

TEST_F(RingFaults, RefusedOperationsCompleteInTheOrderOfTheirStart) {
  faults_.inject({.call = SystemCall::kOther, .count = 1, .errno_value = EIO});
  faults_.inject({.call = SystemCall::kOther, .nth = 2, .count = 1, .errno_value = ENOSPC});
  io_uring_sqe entry;
  io_uring_prep_nop(&entry);
  std::vector<int> results;
  class Listed final : public UringOperation {
   public:
    explicit Listed(std::vector<int>& results) : results_(results) {}
    void complete(int result, unsigned /*flags*/) override { results_.push_back(result); }

   private:
    std::vector<int>& results_;
  };
  Listed first(results);
  Listed second(results);
  ring_->start(first, entry);
  ring_->start(second, entry);
  ring_->poll(Duration::zero());
  EXPECT_EQ(results, (std::vector<int>{-EIO, -ENOSPC}));
}

// The second time with more operations than entries, so that the one that is hit waits in line.
TEST_F(RingFaults, AMisreportedOperationIsCarriedOut) {
  for (const int before : {0, 8}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Descriptor left(ends[0]);
    const Descriptor right(ends[1]);
    io_uring_sqe nop;
    io_uring_prep_nop(&nop);
    std::vector<Noted> others(static_cast<std::size_t>(before));
    for (Noted& other : others) ring_->start(other, nop);
    faults_.inject({.call = SystemCall::kOther, .kind = Kind::kMisreported, .errno_value = EAGAIN});
    const std::uint64_t turned_away_before = ring_->stats().turned_away_count;
    io_uring_sqe entry;
    io_uring_prep_send(&entry, left.get(), "x", 1, 0);
    Noted operation;
    ring_->start(operation, entry);
    while (operation.is_in_flight()) ring_->poll(Reactor::kForever);
    EXPECT_EQ(operation.results, std::vector<int>{-EAGAIN});
    EXPECT_EQ(ring_->stats().turned_away_count - turned_away_before, 1U);
    char byte = 0;
    EXPECT_EQ(::recv(right.get(), &byte, 1, MSG_DONTWAIT), 1);
    while (ring_->in_flight_count() > 0) ring_->poll(Reactor::kForever);
  }
}

TEST_F(RingFaults, AnOperationThatIsStartedAgainIsAskedAboutAgain) {
  faults_.inject({.call = SystemCall::kOther});
  faults_.inject({.call = SystemCall::kOther, .kind = Kind::kMisreported, .nth = 3});
  io_uring_sqe entry;
  io_uring_prep_nop(&entry);
  Noted operation;
  for (int i = 0; i < 4; ++i) {
    if (i == 3) ring_->set_faults(nullptr);
    ring_->start(operation, entry);
    while (operation.is_in_flight()) ring_->poll(Reactor::kForever);
  }
  EXPECT_EQ(operation.results, (std::vector<int>{-EIO, 0, -EIO, 0}));
}

TEST_F(RingFaults, WhatIsSentToAWorkerThreadIsCounted) {
  io_uring_sqe entry;
  io_uring_prep_nop(&entry);
  Noted operation;
  for (const unsigned flags : {0U, unsigned{IOSQE_ASYNC}}) {
    entry.flags = static_cast<std::uint8_t>(flags);
    ring_->start(operation, entry);
    while (operation.is_in_flight()) ring_->poll(Reactor::kForever);
    EXPECT_EQ(ring_->stats().forced_async_count, flags == 0 ? 0U : 1U);
  }
}

// ---- what the real disks make of faults

class DiskFaults : public testing::TestWithParam<RealMake> {
 protected:
  void SetUp() override {
    // Direct if possible: there a transfer that went on at a wrong place would be refused.
    for (const IoMode mode : {IoMode::kBuffered, IoMode::kDirect}) {
      std::unique_ptr<RealDiskUnderTest> made = RealDiskUnderTest::make(GetParam(), mode);
      if (made == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
      const std::string path = made->root() + "/file";
      auto file = made->scheduler().run(made->disk().open(path, {.write = true, .create = true}));
      if (!file) continue;
      file_ = std::move(*file);
      under_test_ = std::move(made);
    }
    ASSERT_NE(under_test_, nullptr);
    ASSERT_TRUE(run(file_->write(FilePosition{0}, pattern(kFileBytes, 1), Durability::kNone)));
    under_test_->set_faults(&faults_);
  }
  void TearDown() override {
    if (under_test_ == nullptr) return;
    EXPECT_EQ(under_test_->in_flight_count(), 0U);
    under_test_->set_faults(nullptr);
  }

  template <typename T>
  T run(Task<T> task) {
    return under_test_->scheduler().run(std::move(task));
  }
  Disk& disk() { return under_test_->disk(); }
  std::string at(const std::string& name) { return under_test_->root() + "/" + name; }
  Result<ReadResult> read(std::uint64_t from, std::size_t length_bytes) {
    return run(file_->read(FilePosition{from}, AlignedBuffer(length_bytes), length_bytes));
  }
  Result<void> write(std::uint64_t to, SharedSlice data) {
    return run(file_->write(FilePosition{to}, std::move(data), Durability::kNone));
  }
  bool holds(std::uint64_t from, const SharedSlice& data) {
    const Result<ReadResult> found = read(from, data.size());
    return found && std::ranges::equal(found->buffer.view().first(found->size_bytes), data.view());
  }

  // One operation of each kind, and the call whose failure it has to pass on.
  struct Operation {
    const char* name;
    SystemCall call;
    std::function<std::optional<Error>()> perform;
  };
  std::vector<Operation> operations() {
    const auto error_of = [](const auto& result) -> std::optional<Error> {
      if (result) return std::nullopt;
      return result.error();
    };
    return {
        {"open", SystemCall::kOpen, [=, this] { return error_of(run(disk().open(at("file"), {}))); }},
        {"read", SystemCall::kRead, [=, this] { return error_of(read(0, kBlockBytes)); }},
        {"write", SystemCall::kWrite,
         [=, this] { return error_of(write(0, pattern(kBlockBytes, 2))); }},
        {"sync", SystemCall::kSync, [=, this] { return error_of(run(file_->sync(SyncScope::kData))); }},
        {"sync all", SystemCall::kSync,
         [=, this] { return error_of(run(file_->sync(SyncScope::kAll))); }},
        {"allocate", SystemCall::kAllocate, [=, this] { return error_of(run(file_->allocate(kMiB))); }},
        {"truncate", SystemCall::kTruncate, [=, this] { return error_of(run(file_->truncate(kMiB))); }},
        {"size", SystemCall::kStat, [=, this] { return error_of(run(file_->size())); }},
        {"rename", SystemCall::kRename,
         [=, this] { return error_of(run(disk().rename(at("file"), at("file")))); }},
        {"remove", SystemCall::kUnlink, [=, this] { return error_of(run(disk().remove(at("file")))); }},
        {"remove directory", SystemCall::kUnlink,
         [=, this] { return error_of(run(disk().remove_directory(at("directory")))); }},
        {"make directory", SystemCall::kMakeDirectory,
         [=, this] { return error_of(run(disk().make_directory(at("directory")))); }},
        {"sync directory: open", SystemCall::kOpen,
         [=, this] { return error_of(run(disk().sync_directory(under_test_->root()))); }},
        {"sync directory: fsync", SystemCall::kSync,
         [=, this] { return error_of(run(disk().sync_directory(under_test_->root()))); }},
        {"info", SystemCall::kStat, [=, this] { return error_of(run(disk().info(at("file")))); }},
    };
  }

  static constexpr std::uint64_t kFileBytes = 8 * kBlockBytes;

  SystemFaults faults_;
  std::unique_ptr<RealDiskUnderTest> under_test_;
  std::unique_ptr<File> file_;
};

TEST_P(DiskFaults, EveryErrorIsPassedOnWithItsNumberAndThePath) {
  for (const Operation& operation : operations()) {
    for (const int errno_value : {EIO, ENOSPC, EDQUOT, EFBIG, EROFS, ENOMEM, EACCES}) {
      faults_.inject({.call = operation.call, .errno_value = errno_value});
      const std::optional<Error> error = operation.perform();
      ASSERT_TRUE(error.has_value()) << operation.name;
      EXPECT_EQ(error->os_error(), errno_value) << operation.name;
      EXPECT_NE(error->message().find(under_test_->root()), std::string::npos) << error->message();
    }
  }
}

TEST_P(DiskFaults, WhatIsOnlyTurnedAwayIsMadeAgainWithABound) {
  for (const Operation& operation : operations()) {
    for (const int errno_value : {EINTR, EAGAIN, ECANCELED}) {
      faults_.inject(
          {.call = operation.call, .count = Transfer::kMaxIdleCalls + 1, .errno_value = errno_value});
      const std::uint64_t calls_before = faults_.call_count(operation.call);
      const std::optional<Error> error = operation.perform();
      ASSERT_TRUE(error.has_value()) << operation.name;
      EXPECT_EQ(error->os_error(), errno_value) << operation.name;
      EXPECT_EQ(faults_.call_count(operation.call) - calls_before, Transfer::kMaxIdleCalls + 1U)
          << operation.name;
    }
  }
}

TEST_P(DiskFaults, WhatIsTurnedAwayLessOftenThanTheBoundSucceeds) {
  for (const Operation& operation : operations()) {
    const std::string name = operation.name;
    if (name == "remove directory") ASSERT_TRUE(run(disk().make_directory(at("directory"))));
    if (!run(disk().info(at("file")))) {
      ASSERT_TRUE(run(disk().open(at("file"), {.write = true, .create = true})));
    }
    const std::uint64_t hits_before = faults_.hit_count();
    faults_.inject({.call = operation.call, .count = Transfer::kMaxIdleCalls, .errno_value = EAGAIN});
    const std::optional<Error> error = operation.perform();
    EXPECT_FALSE(error.has_value()) << name << ": " << error->message();
    EXPECT_EQ(faults_.hit_count() - hits_before, std::uint64_t{Transfer::kMaxIdleCalls}) << name;
  }
}

TEST_P(DiskFaults, TransfersThatAreCutShortAreCompleted) {
  // Nothing, part of a block, a block, a block and a part: going on starts at a block again.
  for (const std::uint32_t length_bytes : {0U, 512U, 4096U, 4608U}) {
    const SharedSlice data = pattern(kFileBytes, length_bytes / 512 + 10);
    faults_.inject({.call = SystemCall::kWrite,
                    .kind = Kind::kShortened,
                    .count = 3,
                    .length_bytes = length_bytes});
    ASSERT_TRUE(write(0, data));
    faults_.inject({.call = SystemCall::kRead,
                    .kind = Kind::kShortened,
                    .count = 3,
                    .length_bytes = length_bytes});
    EXPECT_TRUE(holds(0, data)) << "cut to " << length_bytes;
  }
  EXPECT_EQ(faults_.hit_count(), 4U * 2 * 3);
}

TEST_P(DiskFaults, TransfersThatNeverMoveAnythingFail) {
  for (const SystemCall call : {SystemCall::kWrite, SystemCall::kRead}) {
    faults_.inject({.call = call,
                    .kind = Kind::kShortened,
                    .count = Transfer::kMaxIdleCalls + 1,
                    .length_bytes = 0});
  }
  const Result<void> written = write(0, pattern(kBlockBytes, 1));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  const Result<ReadResult> found = read(0, kBlockBytes);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kIo);
}

TEST_P(DiskFaults, AFailureToAskForTheSizeAfterAShortReadIsAFailure) {
  ASSERT_TRUE(run(file_->truncate(100)));
  faults_.inject({.call = SystemCall::kStat});
  const Result<ReadResult> found = read(0, kBlockBytes);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().os_error(), EIO);
}

TEST_P(DiskFaults, AWriteMayHaveHappenedAndStillFail) {
  const SharedSlice data = pattern(kBlockBytes, 99);
  faults_.inject({.call = SystemCall::kWrite, .kind = Kind::kMisreported});
  const Result<void> written = write(0, data);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().os_error(), EIO);
  EXPECT_TRUE(holds(0, data));
}

TEST_P(DiskFaults, ARefusedWriteChangesNothing) {
  const SharedSlice before = pattern(kFileBytes, 1);
  faults_.inject({.call = SystemCall::kWrite});
  EXPECT_FALSE(write(0, pattern(kBlockBytes, 99)));
  EXPECT_TRUE(holds(0, before));
}

std::string name_of(const testing::TestParamInfo<RealMake>& info) {
  switch (info.param) {
    case RealMake::kUring: return "Uring";
    case RealMake::kInline: return "Inline";
    case RealMake::kPool: return "Pool";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Real, DiskFaults,
                         testing::Values(RealMake::kUring, RealMake::kInline, RealMake::kPool),
                         name_of);

}  // namespace
}  // namespace penstock
