// The space in front of a log's end.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "disk/posix_ops.h"
#include "rocksdb/testing/database.h"

namespace penstock::rocksdb {

namespace {

constexpr std::uint64_t kStepBytes = 64 << 10;

class LogSpace : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(env_.fs->NewWritableFile(path_, {}, &log_, nullptr)); }
  void append(std::size_t size_bytes) {
    const std::string bytes(size_bytes, static_cast<char>('a' + appended_.size() % 26));
    ASSERT_OK(log_->Append(bytes, {}, nullptr));
    appended_ += bytes;
  }
  void append_synced(std::size_t size_bytes) {
    append(size_bytes);
    ASSERT_OK(log_->Flush({}, nullptr));
    ASSERT_OK(log_->Sync({}, nullptr));
  }
  std::uint64_t size_on_device() const { return std::filesystem::file_size(path_); }
  void expect_closed_exactly() {
    ASSERT_OK(log_->Close({}, nullptr));
    std::ifstream file(path_, std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == appended_);
  }

  TempDirectory directory_;
  TestEnv env_ = TestEnv::ours({.log_step_bytes = kStepBytes});
  const std::string path_ = directory_ / "000012.log";
  std::unique_ptr<db::FSWritableFile> log_;
  std::string appended_;
};

TEST_F(LogSpace, TheNextStepIsTakenAheadAndByItself) {
  append_synced(kStepBytes / 2);
  EXPECT_EQ(size_on_device(), kStepBytes);
  append_synced(1000);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (size_on_device() == kStepBytes && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(size_on_device(), 2 * kStepBytes) << "nobody appends, and it is there";
  expect_closed_exactly();
}

// Whoever needs the step that is being taken waits for it; data and zeros never meet.
TEST_F(LogSpace, PutsThatAreFasterThanTheStepsWaitForThem) {
  for (int i = 0; i < 100; ++i) append(2 * kStepBytes + 1);
  expect_closed_exactly();
}

TEST_F(LogSpace, ClosingGivesUpTheStepThatIsBeingTaken) {
  append_synced(kStepBytes / 2 + 1);
  expect_closed_exactly();
}

// The device tells one of two syncs that it lost what was written: if that is the step's, the log's
// next one must not say that all is well.
TEST_F(LogSpace, AStepWhoseSyncFailedFailsTheNextSyncOfTheLog) {
  append_synced(kStepBytes / 2);
  SystemFaults faults;
  faults.inject({.call = SystemCall::kSync});
  posix::install_faults(&faults);
  append(1000);
  db::IOStatus synced;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (synced.ok() && std::chrono::steady_clock::now() < deadline) synced = log_->Sync({}, nullptr);
  posix::install_faults(nullptr);
  EXPECT_TRUE(synced.IsIOError()) << synced.ToString();
  EXPECT_EQ(faults.hit_count(), 1U);
}

}  // namespace

}  // namespace penstock::rocksdb
