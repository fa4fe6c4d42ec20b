// The traps that lie between RocksDB and a file system of one's own, each as a test with its name.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "disk/posix_ops.h"
#include "disk/system_faults.h"
#include "rocksdb/testing/database.h"
#include "rocksdb/testing/killed.h"
#include "rocksdb/testing/record_log.h"

namespace penstock::rocksdb {

namespace {

constexpr int kPuts = 300;
const std::array kRecoveryModes{
    db::WALRecoveryMode::kTolerateCorruptedTailRecords, db::WALRecoveryMode::kAbsoluteConsistency,
    db::WALRecoveryMode::kPointInTimeRecovery, db::WALRecoveryMode::kSkipAnyCorruptedRecords};

std::string key_of(int i) { return "key" + std::to_string(1000 + i); }

std::uint64_t stored_bytes(const std::string& path) { return std::filesystem::file_size(path); }

std::string stored(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class RocksTrap : public testing::Test {
 protected:
  // Puts into the database in a process that is killed, and never closes it.
  void put_and_die(const std::string& path, bool sync, const TestEnv* env = nullptr) {
    run_and_kill([&] {
      const TestEnv fresh = env == nullptr ? TestEnv::ours() : TestEnv(env->fs);
      auto database = open_database(options_on(fresh), path);
      ASSERT_NE(database, nullptr);
      db::WriteOptions how;
      how.sync = sync;
      for (int i = 0; i < kPuts; ++i)
        ASSERT_OK(database->Put(how, key_of(i), std::string(400, static_cast<char>(i % 256))));
      (void)database.release();
    });
  }

  void expect_all(db::DB& database) {
    for (int i = 0; i < kPuts; ++i) {
      std::string value;
      ASSERT_OK(database.Get({}, key_of(i), &value));
      ASSERT_EQ(value, std::string(400, static_cast<char>(i % 256)));
    }
  }

  std::string only_log(const std::string& path) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".log") return entry.path();
    }
    return "";
  }

  std::unique_ptr<db::FSWritableFile> create(const TestEnv& env, const std::string& path) {
    std::unique_ptr<db::FSWritableFile> file;
    EXPECT_OK(env.fs->NewWritableFile(path, {}, &file, nullptr));
    return file;
  }

  TempDirectory directory_;
  db::IOOptions io_;
};

TEST_F(RocksTrap, Trap1UnsyncedWritesSurviveTheDeathOfTheProcess) {
  put_and_die(directory_ / "db", /*sync=*/false);
  // What makes this a trap: the file itself has none of it, only the side file has.
  EXPECT_EQ(end_of_log(stored(only_log(directory_ / "db"))), 0U);
  const TestEnv ours = TestEnv::ours();
  auto database = open_database(options_on(ours), directory_ / "db");
  expect_all(*database);
}

TEST_F(RocksTrap, Trap1WithoutASideFileEachPutIsWritten) {
  DirectFileSystemOptions options;
  options.side_file_bytes = 0;
  run_and_kill([&] {
    const TestEnv child = TestEnv::ours(options);
    auto database = open_database(options_on(child), directory_ / "db");
    for (int i = 0; i < kPuts; ++i)
      ASSERT_OK(database->Put({}, key_of(i), std::string(400, static_cast<char>(i % 256))));
    (void)database.release();
  });
  const TestEnv ours = TestEnv::ours(options);
  auto database = open_database(options_on(ours), directory_ / "db");
  expect_all(*database);
}

TEST_F(RocksTrap, Trap2FilesDoNotSayThatTheyAreDirectSoSyncIsCalled) {
  const TestEnv ours = TestEnv::ours();
  for (const std::string name : {"000001.log", "MANIFEST-000002", "000003.sst", "CURRENT"}) {
    auto file = create(ours, directory_ / name);
    EXPECT_FALSE(file->use_direct_io());
    ASSERT_OK(file->Append("bytes", io_, nullptr));
    SystemFaults counted;
    posix::install_faults(&counted);
    ASSERT_OK(file->Sync(io_, nullptr));
    posix::install_faults(nullptr);
    // A durable write of its own, or a write and a sync.
    EXPECT_GE(counted.call_count(SystemCall::kWrite), 1U) << name;
    std::unique_ptr<db::FSRandomAccessFile> reader;
    ASSERT_OK(ours.fs->NewRandomAccessFile(directory_ / name, {}, &reader, nullptr));
    EXPECT_FALSE(reader->use_direct_io());
  }
}

TEST_F(RocksTrap, Trap3PaddingIsGoneBeforeAnyRecoveryModeLooks) {
  const auto path_of = [&](db::WALRecoveryMode mode) {
    return directory_ / std::to_string(static_cast<int>(mode));
  };
  for (const db::WALRecoveryMode mode : kRecoveryModes) put_and_die(path_of(mode), /*sync=*/true);
  for (const db::WALRecoveryMode mode : kRecoveryModes) {
    const std::string path = path_of(mode);
    const std::string log = only_log(path);
    const std::uint64_t data_bytes = end_of_log(stored(log));
    EXPECT_GT(stored_bytes(log), data_bytes) << "nothing was prepared";
    // And a torn record behind it, which is what two of the modes refuse when zeros follow.
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(data_bytes));
    file.write("\x12\x34\x56\x78\x40\x00\x01torn", 11);
    file.close();
    const TestEnv ours = TestEnv::ours();
    db::Options options = options_on(ours);
    options.wal_recovery_mode = mode;
    auto database = open_database(options, path);
    ASSERT_NE(database, nullptr);
    expect_all(*database);
  }
}

TEST_F(RocksTrap, Trap3SmallFilesAndTablesAreExact) {
  put_and_die(directory_ / "db", /*sync=*/true);
  const std::string current = stored(directory_ / "db/CURRENT");
  EXPECT_EQ(current.back(), '\n');
  const TestEnv ours = TestEnv::ours();
  auto database = open_database(options_on(ours), directory_ / "db");
  ASSERT_OK(database->Flush({}));
  std::vector<db::LiveFileMetaData> tables;
  database->GetLiveFilesMetaData(&tables);
  ASSERT_FALSE(tables.empty());
  for (const db::LiveFileMetaData& table : tables)
    EXPECT_EQ(stored_bytes(table.db_path + table.name), table.size);
}

TEST_F(RocksTrap, Trap4TheSizeIsExactAtSyncAndTheDestructorFinishes) {
  const TestEnv ours = TestEnv::ours();
  auto file = create(ours, directory_ / "000000.dbtmp");
  ASSERT_OK(file->Append("MANIFEST-000001\n", io_, nullptr));
  ASSERT_OK(file->Sync(io_, nullptr));
  EXPECT_EQ(stored(directory_ / "000000.dbtmp"), "MANIFEST-000001\n");
  ASSERT_OK(file->Append("more", io_, nullptr));
  file.reset();  // no Close
  EXPECT_EQ(stored(directory_ / "000000.dbtmp"), "MANIFEST-000001\nmore");

  RecordLog records;
  records.add("a record");
  file = create(ours, directory_ / "000007.log");
  ASSERT_OK(file->Append(records.bytes(), io_, nullptr));
  file.reset();
  EXPECT_EQ(stored(directory_ / "000007.log"), records.bytes());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "000007.log.penstock"));
}

TEST_F(RocksTrap, Trap5AFileOpenForWritingHasItsSizeAndItsTail) {
  const TestEnv ours = TestEnv::ours();
  for (const std::string name : {"000001.log", "MANIFEST-000002", "000003.sst", "other"}) {
    const std::string path = directory_ / name;
    auto file = create(ours, path);
    ASSERT_OK(file->Append(std::string(5000, 'a') + "tail", io_, nullptr));
    std::uint64_t size = 0;
    ASSERT_OK(ours.fs->GetFileSize(path, io_, &size, nullptr));
    EXPECT_EQ(size, 5004U) << name;
    EXPECT_EQ(file->GetFileSize(io_, nullptr), 5004U);

    std::unique_ptr<db::FSSequentialFile> reader;
    ASSERT_OK(ours.fs->NewSequentialFile(path, {}, &reader, nullptr));
    std::string scratch(10'000, '\0');
    db::Slice got;
    ASSERT_OK(reader->Read(scratch.size(), io_, &got, scratch.data(), nullptr));
    EXPECT_EQ(got.ToString(), std::string(5000, 'a') + "tail") << name;
    // It goes on when the file does.
    ASSERT_OK(file->Append("more", io_, nullptr));
    ASSERT_OK(reader->Read(scratch.size(), io_, &got, scratch.data(), nullptr));
    EXPECT_EQ(got.ToString(), "more") << name;
    ASSERT_OK(file->Close(io_, nullptr));
    EXPECT_EQ(stored_bytes(path), 5008U) << name;
  }
  std::vector<db::FileAttributes> children;
  ASSERT_OK(ours.fs->GetChildrenFileAttributes(directory_.path(), io_, &children, nullptr));
  std::erase_if(children, [](const auto& child) { return child.name[0] == '.'; });
  EXPECT_EQ(children.size(), 4U);
  for (const db::FileAttributes& child : children) EXPECT_EQ(child.size_bytes, 5008U);
}

TEST_F(RocksTrap, Trap5TheTableFollowsRenameLinkAndDelete) {
  const TestEnv ours = TestEnv::ours();
  const db::IOOptions& io = io_;
  const auto size_of = [&](const std::string& path) {
    std::uint64_t size = 0;
    const db::IOStatus status = ours.fs->GetFileSize(path, io, &size, nullptr);
    return status.ok() ? static_cast<std::int64_t>(size) : -1;
  };
  std::filesystem::create_directory(directory_ / "archive");
  const std::string log = directory_ / "000001.log";
  const std::string moved = directory_ / "archive/000001.log";
  auto file = create(ours, log);
  ASSERT_OK(file->Append("12345", io, nullptr));
  ASSERT_OK(ours.fs->LinkFile(log, directory_ / "link", io, nullptr));
  EXPECT_EQ(stored(directory_ / "link"), "12345") << "a link shows what the file is";
  ASSERT_OK(ours.fs->RenameFile(log, moved, io, nullptr));
  ASSERT_OK(file->Append("678", io, nullptr));
  EXPECT_EQ(size_of(moved), 8);
  EXPECT_EQ(size_of(log), -1);
  ASSERT_OK(file->Flush(io, nullptr));
  EXPECT_EQ(stored(directory_ / "link"), "12345678");
  // A directory with an open file in it.
  ASSERT_OK(ours.fs->RenameFile(directory_ / "archive", directory_ / "old", io, nullptr));
  EXPECT_EQ(size_of(directory_ / "old/000001.log"), 8);
  // A new file under a name that was open.
  ASSERT_OK(ours.fs->DeleteFile(directory_ / "old/000001.log", io, nullptr));
  EXPECT_EQ(size_of(directory_ / "old/000001.log"), -1);
  auto second = create(ours, directory_ / "old/000001.log");
  ASSERT_OK(second->Append("x", io, nullptr));
  ASSERT_OK(file->Append("9", io, nullptr));
  EXPECT_EQ(size_of(directory_ / "old/000001.log"), 1);
  ASSERT_OK(file->Close(io, nullptr));
  EXPECT_EQ(size_of(directory_ / "old/000001.log"), 1);
  ASSERT_OK(second->Close(io, nullptr));
  EXPECT_EQ(stored(directory_ / "link"), "123456789");
  EXPECT_EQ(stored(directory_ / "old/000001.log"), "x");
}

TEST_F(RocksTrap, Trap6AReusedFileHasNothingOfTheOldOne) {
  const TestEnv ours = TestEnv::ours();
  RecordLog old_records;
  for (int i = 0; i < 100; ++i) old_records.add("an old record " + std::to_string(i));
  auto old_file = create(ours, directory_ / "000001.log");
  ASSERT_OK(old_file->Append(old_records.bytes(), io_, nullptr));
  old_file.reset();
  std::unique_ptr<db::FSWritableFile> file;
  ASSERT_OK(ours.fs->ReuseWritableFile(directory_ / "000002.log", directory_ / "000001.log", {}, &file,
                                       nullptr));
  RecordLog records;
  records.add("a new record");
  ASSERT_OK(file->Append(records.bytes(), io_, nullptr));
  ASSERT_OK(file->Sync(io_, nullptr));
  EXPECT_EQ(end_of_log(stored(directory_ / "000002.log")), records.bytes().size());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "000001.log"));
}

TEST_F(RocksTrap, Trap7PrefetchIsRealOrNotSupported) {
  DirectFileSystemOptions options;
  options.warm_output_bytes = 0;  // or nothing would be read
  const TestEnv ours = TestEnv::ours(options);
  constexpr std::size_t kBytes = 3 << 20;
  std::string bytes(kBytes, '\0');
  for (std::size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<char>(i * 7 + i / 4096);
  auto file = create(ours, directory_ / "000001.sst");
  ASSERT_OK(file->Append(bytes, io_, nullptr));
  ASSERT_OK(file->Sync(io_, nullptr));
  ASSERT_OK(file->Close(io_, nullptr));
  std::unique_ptr<db::FSRandomAccessFile> reader;
  ASSERT_OK(ours.fs->NewRandomAccessFile(directory_ / "000001.sst", {}, &reader, nullptr));
  std::string scratch(64 << 10, '\0');
  db::Slice got;
  SystemFaults counted;
  posix::install_faults(&counted);
  const auto reads = [&] { return counted.call_count(SystemCall::kRead); };

  EXPECT_TRUE(reader->Prefetch(1 << 20, 256 << 10, io_, nullptr).IsNotSupported());
  ASSERT_OK(reader->Prefetch(kBytes - (512 << 10), 512 << 10, io_, nullptr));
  const std::uint64_t after_prefetch = reads();
  EXPECT_GE(after_prefetch, 1U);
  for (const std::size_t length : {53U, 40U, 880U, 38'000U}) {
    const std::size_t at = kBytes - 100'000 - length;
    ASSERT_OK(reader->Read(at, length, io_, &got, scratch.data(), nullptr));
    ASSERT_EQ(got.ToString(), bytes.substr(at, length));
  }
  EXPECT_EQ(reads(), after_prefetch) << "what was prefetched is not read again";

  // One block after the other, as compaction does, with random reads of others between them.
  db::IOOptions compaction;
  compaction.rate_limiter_priority = db::Env::IO_LOW;
  std::uint64_t others = 0;
  const std::uint64_t before = reads();
  for (std::size_t at = 0; at + 3810 <= kBytes; at += 3810) {
    ASSERT_OK(reader->Read(at, 3810, compaction, &got, scratch.data(), nullptr));
    ASSERT_EQ(got.ToString(), bytes.substr(at, 3810));
    const std::size_t elsewhere = at * 31 % (kBytes - 100);
    ASSERT_OK(reader->Read(elsewhere, 100, io_, &got, scratch.data(), nullptr));
    ASSERT_EQ(got.ToString(), bytes.substr(elsewhere, 100));
    ++others;
  }
  EXPECT_LT(reads() - before - others, 20U) << "hundreds of blocks in a few reads";
  posix::install_faults(nullptr);
}

TEST_F(RocksTrap, Trap8TruncatingAReopenedLogDropsWhatIsBehindAndKeepsItsLastBlock) {
  const std::string path = directory_ / "db";
  put_and_die(path, /*sync=*/true);
  const TestEnv ours = TestEnv::ours();
  const std::string log = only_log(path);
  const std::string before = stored(log);
  const std::uint64_t data_bytes = end_of_log(before);
  std::uint64_t size = 0;
  ASSERT_OK(ours.fs->GetFileSize(log, io_, &size, nullptr));
  EXPECT_EQ(size, data_bytes) << "the logical size, before anything was settled";
  std::unique_ptr<db::FSWritableFile> file;
  ASSERT_OK(ours.fs->ReopenWritableFile(log, {}, &file, nullptr));
  EXPECT_EQ(file->GetFileSize(io_, nullptr), data_bytes);
  const std::uint64_t cut_bytes = data_bytes - 1001;
  ASSERT_OK(file->Truncate(cut_bytes, io_, nullptr));
  ASSERT_OK(file->Append("behind the cut", io_, nullptr));
  ASSERT_OK(file->Sync(io_, nullptr));
  ASSERT_OK(file->Close(io_, nullptr));
  EXPECT_EQ(stored(log), before.substr(0, cut_bytes) + "behind the cut");
}

}  // namespace

}  // namespace penstock::rocksdb
