// A full disk, a failing disk, a disk without direct I/O, two processes; and the page cache.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "disk/cached_bytes.h"
#include "disk/descriptor.h"
#include "disk/posix_ops.h"
#include "disk/system_faults.h"
#include "disk/testing/image_mount.h"
#include "rocksdb/testing/killed.h"
#include "rocksdb/testing/record_log.h"
#include "rocksdb/testing/workload.h"

namespace penstock::rocksdb {

namespace {

std::string key_of(int i) { return "key" + std::to_string(100'000 + i); }
const std::string kValue(8000, 'v');  // large, so that a disk is full soon

void expect_keys(db::DB& database, int count) {
  for (int i = 0; i < count; ++i) {
    std::string value;
    ASSERT_OK(database.Get({}, key_of(i), &value));
    ASSERT_EQ(value, kValue);
  }
}

// RocksDB 7.8.3 resumes when there is space again if it was a table that did not fit. If it was a log,
// the database has to be opened again, on the stock file system as well.
bool resumes_by_itself(const db::Status& failure) { return !failure.ToString().contains(".log"); }

class RocksFaults : public testing::TestWithParam<bool> {
 protected:
  ~RocksFaults() override { posix::install_faults(nullptr); }
  db::WriteOptions how() const {
    db::WriteOptions options;
    options.sync = GetParam();
    return options;
  }
  // Puts until one fails; returns how many were acknowledged.
  int put_until_it_fails(db::DB& database, int first, int max, db::Status& failure) const {
    for (int i = first; i < max; ++i) {
      failure = database.Put(how(), key_of(i), kValue);
      if (!failure.ok()) return i;
    }
    return max;
  }

  // A process fills the disk, goes on when there is space again or waits in vain, and is killed.
  void fill_die_and_look(bool goes_on) {
    const ImageMount mount("mkfs.ext4 -q", 96);
    if (!mount.is_mounted()) GTEST_SKIP() << "needs root, mkfs.ext4 and loop devices";
    const std::string ballast = mount.path() + "/ballast";
    const std::string path = mount.path() + "/db";
    const std::string count_path = directory_ / "count";
    ASSERT_EQ(std::system(("fallocate -l 40M " + ballast).c_str()), 0);
    run_and_kill([&] {
      const TestEnv ours = TestEnv::ours();
      auto database = open_database(plain_options_on(ours), path);
      db::Status put;
      int acknowledged = put_until_it_fails(*database, 0, 100'000, put);
      ASSERT_TRUE(put.IsNoSpace()) << put.ToString();
      if (goes_on) std::filesystem::remove(ballast);
      if (goes_on && !resumes_by_itself(put)) {
        database.reset();
        database = open_database(plain_options_on(ours), path);
      }
      for (int tries = 0; tries < 600 && !put.ok() && (goes_on || tries < 10); ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        // A flush may have given a little back; then the disk is filled again.
        const int max = goes_on ? acknowledged + 1 : 100'000;
        acknowledged = put_until_it_fails(*database, acknowledged, max, put);
      }
      ASSERT_EQ(put.ok(), goes_on) << put.ToString();
      std::ofstream(count_path) << acknowledged;
      (void)database.release();
    });
    std::filesystem::remove(ballast);
    int acknowledged = 0;
    std::ifstream(count_path) >> acknowledged;
    ASSERT_GT(acknowledged, 1000);
    const TestEnv ours = TestEnv::ours();
    auto database = open_database(plain_options_on(ours), path);
    ASSERT_NE(database, nullptr);
    expect_keys(*database, acknowledged);
  }
  static db::Options plain_options_on(const TestEnv& env) {
    db::Options options = options_on(env);
    options.compression = db::kNoCompression;
    return options;
  }

  TempDirectory directory_;
};

TEST_P(RocksFaults, AFullDiskIsNoSpaceAndWritingResumesWhenThereIsSome) {
  const ImageMount mount("mkfs.ext4 -q", 96);
  if (!mount.is_mounted()) GTEST_SKIP() << "needs root, mkfs.ext4 and loop devices";
  const std::string ballast = mount.path() + "/ballast";
  ASSERT_EQ(std::system(("fallocate -l 40M " + ballast).c_str()), 0);
  int acknowledged = 0;
  {
    const TestEnv ours = TestEnv::ours();
    auto database = open_database(plain_options_on(ours), mount.path() + "/db");
    db::Status failure;
    acknowledged = put_until_it_fails(*database, 0, 100'000, failure);
    ASSERT_TRUE(failure.IsNoSpace()) << failure.ToString();
    ASSERT_GT(acknowledged, 1000);
    expect_keys(*database, acknowledged);
    std::filesystem::remove(ballast);
    if (!resumes_by_itself(failure)) {
      database.reset();
      database = open_database(plain_options_on(ours), mount.path() + "/db");
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    db::Status put = failure;
    while (!put.ok() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      put = database->Put(how(), key_of(acknowledged), kValue);
    }
    ASSERT_OK(put);
    ++acknowledged;
  }
  const TestEnv ours = TestEnv::ours();
  auto database = open_database(options_on(ours), mount.path() + "/db");
  expect_keys(*database, acknowledged);
}

TEST_P(RocksFaults, WhatWasAcknowledgedOnAFullDiskSurvivesAKill) {
  fill_die_and_look(/*goes_on=*/false);
}

// With a newer log.
TEST_P(RocksFaults, WhatWasAcknowledgedOnAFullDiskSurvivesAKillAfterThereWasSpaceAgain) {
  fill_die_and_look(/*goes_on=*/true);
}

// A newer log makes what an older one has in memory stale, so there is none as long as that cannot be
// written.
TEST(RocksFullDisk, ANewerLogBeginsOnlyWhenTheOlderOneHasItsBytes) {
  const TempDirectory directory;
  const std::string older = directory / "000001.log";
  const std::string newer = directory / "000002.log";
  const auto read_by_another = [&older] {
    const TestEnv after_a_crash = TestEnv::ours();
    std::unique_ptr<db::FSSequentialFile> reader;
    EXPECT_OK(after_a_crash.fs->NewSequentialFile(older, {}, &reader, nullptr));
    std::string scratch(100'000, '\0');
    db::Slice got;
    EXPECT_OK(reader->Read(scratch.size(), {}, &got, scratch.data(), nullptr));
    return got.ToString();
  };
  RecordLog records;
  records.add("acknowledged, and in memory only");
  const TestEnv ours = TestEnv::ours();
  std::unique_ptr<db::FSWritableFile> first;
  std::unique_ptr<db::FSWritableFile> second;
  ASSERT_OK(ours.fs->NewWritableFile(older, {}, &first, nullptr));
  ASSERT_OK(first->Append(records.bytes(), {}, nullptr));
  ASSERT_OK(first->Flush({}, nullptr));

  SystemFaults faults;
  faults.inject({.call = SystemCall::kAllocate, .count = 1000, .errno_value = ENOSPC});
  posix::install_faults(&faults);
  for (int tries = 0; tries < 2; ++tries) {
    const db::IOStatus begun = ours.fs->NewWritableFile(newer, {}, &second, nullptr);
    EXPECT_TRUE(begun.IsNoSpace()) << begun.ToString();
    EXPECT_FALSE(std::filesystem::exists(newer));
    EXPECT_EQ(read_by_another(), records.bytes());
  }
  posix::install_faults(nullptr);
  EXPECT_GE(faults.hit_count(), 2U);

  ASSERT_OK(ours.fs->NewWritableFile(newer, {}, &second, nullptr));
  EXPECT_EQ(std::filesystem::file_size(older), records.bytes().size());
  EXPECT_EQ(read_by_another(), records.bytes());
}

// After a power cut nobody would look for holes in it.
TEST(RocksLogs, AnOlderOneIsDurableBeforeItsSideFileGoes) {
  const TempDirectory directory;
  const std::string older = directory / "000001.log";
  const TestEnv ours = TestEnv::ours({.mode = RequestedIoMode::kBuffered});
  for (const bool fails : {true, false}) {
    std::unique_ptr<db::FSWritableFile> first;
    std::unique_ptr<db::FSWritableFile> second;
    ASSERT_OK(ours.fs->NewWritableFile(older, {}, &first, nullptr));
    ASSERT_OK(first->Append("its space is there; ", {}, nullptr));
    ASSERT_OK(first->Sync({}, nullptr));
    ASSERT_OK(first->Append("not synced", {}, nullptr));
    SystemFaults faults;
    if (fails) faults.inject({.call = SystemCall::kSync});
    posix::install_faults(&faults);
    EXPECT_OK(ours.fs->NewWritableFile(directory / "000002.log", {}, &second, nullptr));
    posix::install_faults(nullptr);
    EXPECT_EQ(first->Sync({}, nullptr).ok(), !fails);
    EXPECT_EQ(std::filesystem::exists(older + ".penstock"), fails);
    EXPECT_OK(second->Close({}, nullptr));
  }
}

TEST_P(RocksFaults, AFailedWriteStopsTheDatabaseAndNothingAcknowledgedIsLost) {
  int acknowledged = 0;
  {
    const TestEnv ours = TestEnv::ours();
    db::Options options = options_on(ours);
    options.write_buffer_size = 64 << 20;
    auto database = open_database(options, directory_ / "db");
    db::Status failure;
    acknowledged = put_until_it_fails(*database, 0, 1000, failure);
    ASSERT_EQ(acknowledged, 1000);
    SystemFaults faults;
    posix::install_faults(&faults);
    faults.inject({.call = SystemCall::kWrite, .nth = 1, .count = 1});
    acknowledged = put_until_it_fails(*database, acknowledged, 100'000, failure);
    EXPECT_TRUE(failure.IsIOError()) << failure.ToString();
    // The same, and not as if nothing had been.
    EXPECT_FALSE(database->Put(how(), "another", kValue).ok());
    posix::install_faults(nullptr);
  }
  const TestEnv ours = TestEnv::ours();
  auto database = open_database(options_on(ours), directory_ / "db");
  ASSERT_NE(database, nullptr);
  expect_keys(*database, acknowledged);
}

INSTANTIATE_TEST_SUITE_P(Writes, RocksFaults, testing::Values(false, true),
                         [](const auto& one) { return one.param ? "Synced" : "Unsynced"; });

TEST(RocksModes, WhatIsAskedForIsHadOrRefused) {
  const ImageMount mount("mkfs.btrfs -q", 128);
  if (!mount.is_mounted()) GTEST_SKIP() << "needs root, mkfs.btrfs and loop devices";
  DirectFileSystemOptions options;
  options.mode = RequestedIoMode::kDirect;
  db::DB* opened = nullptr;
  {
    const TestEnv direct = TestEnv::ours(options);
    const db::Status refused = db::DB::Open(options_on(direct), mount.path() + "/db", &opened);
    ASSERT_TRUE(refused.IsNotSupported()) << refused.ToString();
    EXPECT_TRUE(refused.ToString().contains("btrfs")) << refused.ToString();
  }
  const TestEnv best = TestEnv::ours();
  auto database = open_database(options_on(best), mount.path() + "/db");
  ASSERT_OK(database->Put({}, "key", "value"));
  EXPECT_EQ(dump(*database), "key=value\n");
  std::ifstream log(mount.path() + "/db/LOG");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_TRUE(text.contains(" I/O: ")) << text.substr(text.find("penstock: "), 300);
  EXPECT_FALSE(text.contains("penstock: direct I/O: "));
  EXPECT_TRUE(text.contains("penstock: each put is a write of its own"));
}

TEST(RocksModes, MemoryMappingIsRefusedByName) {
  const TempDirectory directory;
  const TestEnv ours = TestEnv::ours();
  {
    ASSERT_NE(open_database(options_on(ours), directory / "db"), nullptr);
  }
  for (const bool reads : {true, false}) {
    db::Options options = options_on(ours);
    options.allow_mmap_reads = reads;
    options.allow_mmap_writes = !reads;
    db::DB* opened = nullptr;
    const db::Status refused = db::DB::Open(options, directory / "db", &opened);
    EXPECT_TRUE(refused.IsInvalidArgument()) << refused.ToString();
    EXPECT_TRUE(refused.ToString().contains(reads ? "allow_mmap_reads" : "allow_mmap_writes"))
        << refused.ToString();
  }
}

TEST(RocksLock, OneProcessAtATime) {
  const TempDirectory directory;
  const TestEnv ours = TestEnv::ours();
  db::FileLock* lock = nullptr;
  ASSERT_OK(ours.fs->LockFile(directory / "LOCK", {}, &lock, nullptr));
  const auto can_lock = [&] {
    db::FileLock* second = nullptr;
    return ours.fs->LockFile(directory / "LOCK", {}, &second, nullptr).ok();
  };
  const auto another_process_can_lock = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      const TestEnv fresh = TestEnv::stock();
      db::FileLock* second = nullptr;
      // Through its own descriptor table: what this process knows about its locks came along.
      ::_exit(fresh.fs->LockFile(directory / "./LOCK", {}, &second, nullptr).ok() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 1;
  };
  EXPECT_FALSE(can_lock());
  EXPECT_FALSE(another_process_can_lock());
  ASSERT_OK(ours.fs->UnlockFile(lock, {}, nullptr));
  EXPECT_TRUE(another_process_can_lock());
}

std::optional<std::uint64_t> cached_bytes_of(const std::string& path) {
  return cached_bytes(Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).get());
}
#define SKIP_UNLESS_THE_PAGE_CACHE_CAN_BE_SEEN() \
  if (!cached_bytes_of("/proc/self/exe")) GTEST_SKIP() << "no cachestat here (Linux 6.5)"

TEST(RocksPageCache, NothingOfADatabaseIsInIt) {
  SKIP_UNLESS_THE_PAGE_CACHE_CAN_BE_SEEN();
  const TempDirectory directory;
  DirectFileSystemOptions options;
  options.mode = RequestedIoMode::kDirect;
  const TestEnv ours = TestEnv::ours(options);
  Workload workload(ours, directory / "all", db::WALRecoveryMode::kPointInTimeRecovery);
  workload.families_and_snapshots();
  auto open = open_database(options_on(ours), directory / "all/open");
  change(*open, open->DefaultColumnFamily(), 3, 0);
  for (int i = 0; i < 3000; ++i) ASSERT_OK(open->Put({}, key_of(i), kValue));
  ASSERT_OK(open->PauseBackgroundWork());  // which would delete files in front of the eyes
  ASSERT_OK(open->DisableFileDeletions());
  std::size_t looked_at = 0;
  std::uint64_t side_bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename();
    const std::uint64_t cached = cached_bytes_of(entry.path()).value_or(0);
    if (name.ends_with(".penstock")) {
      side_bytes += cached;
      continue;
    }
    EXPECT_EQ(cached, 0U) << entry.path();
    ++looked_at;
  }
  EXPECT_GT(looked_at, 8U);
  EXPECT_LE(side_bytes, 2U << 20);
  ASSERT_OK(open->ContinueBackgroundWork());
}

// A program that ends without closing it leaves what this does.
TEST(RocksPageCache, NothingOfTheLogThatWasFlushedIsInIt) {
  SKIP_UNLESS_THE_PAGE_CACHE_CAN_BE_SEEN();
  const TempDirectory directory;
  const TestEnv ours = TestEnv::ours({.mode = RequestedIoMode::kDirect});
  std::shared_ptr<db::Logger> logger;
  ASSERT_OK(ours.fs->NewLogger(directory / "LOG", {}, &logger, nullptr));
  logger->SetInfoLogLevel(db::InfoLogLevel::INFO_LEVEL);
  for (int i = 0; i < 100; ++i) {
    db::Info(logger, "a line of some length, so that the flushes end in many blocks of the file: %d",
             i);
    logger->Flush();
  }
  EXPECT_GT(std::filesystem::file_size(directory / "LOG"), 2U * 4096);
  EXPECT_EQ(cached_bytes_of(directory / "LOG"), 0U);
}

// For people, who want to read what came after the disk was full.
TEST(RocksInfoLog, GoesOnBehindAFailure) {
  const TempDirectory directory;
  const TestEnv ours = TestEnv::ours();
  std::shared_ptr<db::Logger> logger;
  ASSERT_OK(ours.fs->NewLogger(directory / "LOG", {}, &logger, nullptr));
  logger->SetInfoLogLevel(db::InfoLogLevel::INFO_LEVEL);
  const auto say = [&](const std::string& line) {
    db::Info(logger, "%s", line.c_str());
    logger->Flush();
  };
  const auto text = [&] {
    std::ifstream file(directory / "LOG");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  say("the first");
  EXPECT_TRUE(text().ends_with("the first\n"));
  SystemFaults full;
  full.inject({.call = SystemCall::kWrite, .count = 100, .errno_value = ENOSPC});
  // And after some lines it cannot even be opened again.
  full.inject({.call = SystemCall::kOpen, .nth = 4, .count = 100});
  posix::install_faults(&full);
  for (int i = 0; i < 8; ++i) say("lost");
  posix::install_faults(nullptr);
  EXPECT_GT(full.hit_count(), 8U);
  say("may be lost: it finds the file failed, and opens it");
  say("the last");
  logger.reset();
  EXPECT_TRUE(text().contains("the first\n"));
  EXPECT_FALSE(text().contains(" lost\n"));
  EXPECT_TRUE(text().ends_with("the last\n")) << text();
}

TEST(RocksUri, OptionsAreParsedAndWrongOnesNamed) {
  const auto parsed = ParseFileSystemUri(
      "penstock://?mode=direct&readahead=1MiB&readahead_memory=8MiB&write_buffer:64KiB&side_file=0&"
      "log_step=65536");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->mode, RequestedIoMode::kDirect);
  EXPECT_EQ(parsed->readahead_bytes, 1U << 20);
  EXPECT_EQ(parsed->readahead_memory_bytes, 8U << 20);
  EXPECT_EQ(parsed->write_buffer_bytes, 64U << 10);
  EXPECT_EQ(parsed->side_file_bytes, 0U);
  EXPECT_EQ(parsed->log_step_bytes, 65'536U);
  EXPECT_TRUE(ParseFileSystemUri("penstock://"));
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"file://", "penstock://"},
      {"penstock:///data", "a path"},
      {"penstock://?mode", "no value"},
      {"penstock://?mode=quick", "'quick'"},
      {"penstock://?speed=9", "speed"},
      {"penstock://?readahead=2MB", "'2MB'"},
      {"penstock://?side_file=4KiB", "side_file is 4096"},
      {"penstock://?readahead=18446744073709551615GiB", "is not a size"},
      {"penstock://?readahead=4MiB&readahead_memory=1MiB", "less than 2 windows of readahead"},
      {"penstock://?readahead=4MiB&readahead_memory=7MiB", "less than 2 windows of readahead"},
      {"penstock://?warm_output=4KiB", "warm_output is 4096"}};
  for (const auto& [uri, what] : wrong) {
    const auto refused = ParseFileSystemUri(uri);
    ASSERT_FALSE(refused) << uri;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_TRUE(refused.error().message().contains(what)) << refused.error().message();
  }
}

}  // namespace

}  // namespace penstock::rocksdb
