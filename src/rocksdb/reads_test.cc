// Many reads at once, reads that go on by themselves, and reads of what was just written.
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/random.h"
#include "disk/posix_ops.h"
#include "disk/read_rings.h"
#include "disk/system_faults.h"
#include "disk/testing/no_io_uring.h"
#include "rocksdb/testing/database.h"
#include "rocksdb/testing/killed.h"

namespace penstock::rocksdb {

namespace {

constexpr std::size_t kFileBytes = 3'000'001;

DirectFileSystemOptions without_warm_output() {
  DirectFileSystemOptions options;
  options.warm_output_bytes = 0;
  return options;
}

class RocksReads : public testing::Test {
 protected:
  RocksReads() {
    for (std::size_t i = 0; i < kFileBytes; ++i) text_.push_back(static_cast<char>(mix64(i)));
    reopen(without_warm_output());
  }
  ~RocksReads() override { posix::install_faults(nullptr); }

  // Writes the file, and opens it to read.
  void reopen(const DirectFileSystemOptions& options, const std::string& name = "000001.sst") {
    file_.reset();
    env_.emplace(TestEnv::ours(options));
    std::unique_ptr<db::FSWritableFile> writer;
    EXPECT_OK(env_->fs->NewWritableFile(directory_ / name, {}, &writer, nullptr));
    EXPECT_OK(writer->Append(text_, io_, nullptr));
    EXPECT_OK(writer->Sync(io_, nullptr));
    EXPECT_OK(writer->Close(io_, nullptr));
    open(name);
  }
  void open(const std::string& name = "000001.sst") {
    EXPECT_OK(env_->fs->NewRandomAccessFile(directory_ / name, {}, &file_, nullptr));
  }

  // Requests at every `step`, each with memory of its own.
  struct Batch {
    Batch(std::size_t count, std::uint64_t step, std::size_t size_bytes)
        : requests(count), memory(count, std::string(size_bytes, '?')) {
      for (std::size_t i = 0; i < count; ++i) {
        requests[i].offset = i * step;
        requests[i].len = size_bytes;
        requests[i].scratch = memory[i].data();
      }
    }
    std::vector<db::FSReadRequest> requests;
    std::vector<std::string> memory;
  };

  // What was read, or why not.
  struct Answer {
    std::string text;
    db::IOStatus status;
    int count = 0;
  };
  struct Pending {
    explicit Pending(std::size_t n) : memory(n, '?') {}
    std::string memory;
    Answer answer;
    void* handle = nullptr;
    db::IOHandleDeleter deleter;
    ~Pending() {
      if (handle != nullptr) deleter(handle);
    }
  };
  std::unique_ptr<Pending> start(std::uint64_t from, std::size_t n, db::IODebugContext* dbg = nullptr) {
    auto pending = std::make_unique<Pending>(n);
    db::FSReadRequest request;
    request.offset = from;
    request.len = n;
    request.scratch = pending->memory.data();
    const auto answered = [](const db::FSReadRequest& done, void* argument) {
      auto& answer = static_cast<Pending*>(argument)->answer;
      answer.text = done.result.ToString();
      answer.status = done.status;
      ++answer.count;
    };
    EXPECT_OK(file_->ReadAsync(request, io_, answered, pending.get(), &pending->handle,
                               &pending->deleter, dbg));
    return pending;
  }
  db::IOStatus poll(Pending& pending) {
    std::vector<void*> handles{pending.handle};
    return env_->fs->Poll(handles, 1);
  }
  std::string expected(std::uint64_t from, std::size_t n) const {
    return from >= text_.size() ? "" : text_.substr(from, n);
  }

  TempDirectory directory_;
  std::optional<TestEnv> env_;
  std::unique_ptr<db::FSRandomAccessFile> file_;
  std::string text_;
  db::IOOptions io_;
};

TEST_F(RocksReads, ManyAtOnceAreThoseOneByOne) {
  Random random(1);
  for (const std::size_t count : {1U, 2U, 32U, 300U, 1000U}) {
    std::vector<db::FSReadRequest> requests(count);
    std::vector<std::string> memory;
    for (std::size_t i = 0; i < count; ++i) {
      requests[i].offset = random.below(kFileBytes + 5000);
      requests[i].len = 1 + random.below(i % 50 == 0 ? 400'000 : 9000);
      memory.emplace_back(requests[i].len, '?');
    }
    for (std::size_t i = 0; i < count; ++i) requests[i].scratch = memory[i].data();
    ASSERT_OK(file_->MultiRead(requests.data(), count, io_, nullptr));
    for (const db::FSReadRequest& request : requests) {
      ASSERT_OK(request.status);
      ASSERT_EQ(request.result.ToString(), expected(request.offset, request.len)) << request.offset;
    }
  }
}

TEST_F(RocksReads, ManyAtOnceGoThroughARing) {
  WorkerPool pool;
  ReadRings rings(pool);
  if (rings.borrow() == nullptr) GTEST_SKIP() << "no io_uring";
  Batch batch(32, 70'000, 4000);
  SystemFaults counted;
  posix::install_faults(&counted);
  ASSERT_OK(file_->MultiRead(batch.requests.data(), batch.requests.size(), io_, nullptr));
  posix::install_faults(nullptr);
  EXPECT_EQ(counted.call_count(SystemCall::kRead), 0U) << "read one by one";
}

TEST_F(RocksReads, OneOfManyIsOfAFileThatIsBeingWritten) {
  std::unique_ptr<db::FSWritableFile> writer;
  ASSERT_OK(env_->fs->NewWritableFile(directory_ / "000009.sst", {}, &writer, nullptr));
  ASSERT_OK(writer->Append(text_.substr(0, 100'000), io_, nullptr));
  open("000009.sst");
  Batch batch(2, 97'000, 5000);
  ASSERT_OK(file_->MultiRead(batch.requests.data(), batch.requests.size(), io_, nullptr));
  EXPECT_EQ(batch.requests[0].result.ToString(), text_.substr(0, 5000));
  EXPECT_EQ(batch.requests[1].result.ToString(), text_.substr(97'000, 3000));
  const auto pending = start(98'000, 5000);
  EXPECT_EQ(pending->handle, nullptr) << "it has been read already";
  EXPECT_EQ(pending->answer.text, text_.substr(98'000, 2000));
}

TEST_F(RocksReads, AsynchronousOnesAreThereWhenTheyWerePolled) {
  std::vector<std::unique_ptr<Pending>> pending;
  Random random(2);
  std::vector<std::uint64_t> starts;
  for (int i = 0; i < 20; ++i) {
    starts.push_back(random.below(kFileBytes));
    pending.push_back(start(starts.back(), 10'000));
  }
  // In another order than that of their beginnings, several together.
  for (std::size_t i = pending.size(); i > 0; i -= 4) {
    std::vector<void*> handles;
    for (std::size_t j = i - 4; j < i; ++j) handles.push_back(pending[j]->handle);
    ASSERT_OK(env_->fs->Poll(handles, handles.size()));
  }
  for (std::size_t i = 0; i < pending.size(); ++i) {
    ASSERT_OK(pending[i]->answer.status);
    EXPECT_EQ(pending[i]->answer.count, 1);
    EXPECT_EQ(pending[i]->answer.text, expected(starts[i], 10'000));
  }
}

TEST_F(RocksReads, AnyThreadMayPoll) {
  std::unique_ptr<Pending> pending;
  std::thread([&] { pending = start(12'345, 50'000); }).join();
  std::thread([&] { EXPECT_OK(poll(*pending)); }).join();
  EXPECT_EQ(pending->answer.text, expected(12'345, 50'000));
  // Polling again tells nothing anew.
  EXPECT_OK(poll(*pending));
  EXPECT_EQ(pending->answer.count, 1);
}

TEST_F(RocksReads, AbortedOnesAreToldSoOnce) {
  const auto pending = start(0, 300'000);
  if (pending->handle == nullptr) GTEST_SKIP() << "no io_uring";
  std::vector<void*> handles{pending->handle};
  ASSERT_OK(env_->fs->AbortIO(handles));
  EXPECT_TRUE(pending->answer.status.IsAborted()) << pending->answer.status.ToString();
  EXPECT_EQ(pending->answer.count, 1);
  EXPECT_EQ(pending->answer.text, "");
}

TEST_F(RocksReads, OneThatNobodyPolledMayBeDeleted) {
  auto pending = start(0, 300'000);
  pending.reset();  // its memory goes with it, so the read must have ended
  // And the ring is there for the next one.
  const auto next = start(5, 10);
  EXPECT_OK(poll(*next));
  EXPECT_EQ(next->answer.text, expected(5, 10));
}

TEST_F(RocksReads, MoreThanThereAreRingsAreReadAtOnce) {
  std::vector<std::unique_ptr<Pending>> pending;
  for (std::size_t i = 0; i < ReadRings::kMaxRings + 10; ++i) pending.push_back(start(i * 1000, 2000));
  EXPECT_EQ(pending.back()->handle, nullptr);
  for (std::size_t i = 0; i < pending.size(); ++i) {
    EXPECT_OK(poll(*pending[i]));
    EXPECT_EQ(pending[i]->answer.text, expected(i * 1000, 2000));
  }
}

TEST_F(RocksReads, WithoutIoUringTheyAreMadeOneAfterTheOtherAndTheLogSaysSo) {
  const std::string path = directory_ / "db";
  file_.reset();
  env_.reset();  // its threads would not come along
  run_and_kill([&] {
    deny_io_uring_setup();
    reopen(without_warm_output());
    Batch batch(32, 70'000, 4000);
    ASSERT_OK(file_->MultiRead(batch.requests.data(), batch.requests.size(), io_, nullptr));
    for (const db::FSReadRequest& request : batch.requests)
      ASSERT_EQ(request.result.ToString(), expected(request.offset, request.len));
    const auto pending = start(1234, 5000);
    ASSERT_EQ(pending->answer.text, expected(1234, 5000));
    for (std::uint64_t at = 0; at < kFileBytes; at += 4000) {
      std::array<char, 4000> memory;
      db::Slice got;
      ASSERT_OK(file_->Read(at, memory.size(), io_, &got, memory.data(), nullptr));
      ASSERT_EQ(got.ToString(), expected(at, 4000));
    }
    const auto database = open_database(options_on(*env_), path);
    ASSERT_OK(database->Put({}, "key", "value"));
  });
  std::ifstream log(path + "/LOG");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_TRUE(
      text.contains("penstock: reads that could be made together are made one after the other: "
                    "io_uring_setup"))
      << text.substr(0, 500);
}

TEST_F(RocksReads, TheFirstReadsOfATableNeedNoDevice) {
  reopen({});
  SystemFaults counted;
  posix::install_faults(&counted);
  Random random(3);
  db::IODebugContext dbg;
  std::uint64_t read_bytes = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t from = random.below(kFileBytes - 4000);
    std::array<char, 4000> memory;
    db::Slice got;
    ASSERT_OK(file_->Read(from, memory.size(), io_, &got, memory.data(), &dbg));
    ASSERT_EQ(got.ToString(), expected(from, 4000));
    read_bytes += got.size();
  }
  const auto pending = start(77, 4000, &dbg);
  posix::install_faults(nullptr);
  EXPECT_EQ(pending->answer.text, expected(77, 4000));
  EXPECT_EQ(counted.call_count(SystemCall::kRead), 0U);
  EXPECT_EQ(dbg.counters["penstock.memory"], read_bytes + 4000);
  EXPECT_EQ(dbg.counters.count("penstock.device"), 0U);
}

TEST_F(RocksReads, WhereTheDataCameFromIsCounted) {
  db::IODebugContext dbg;
  std::array<char, 4096> memory;
  db::Slice got;
  ASSERT_OK(file_->Read(2'000'000, memory.size(), io_, &got, memory.data(), &dbg));
  EXPECT_EQ(dbg.counters["penstock.device"], memory.size());
  for (std::uint64_t at = 0; at < 20; ++at)
    ASSERT_OK(file_->Read(at * 4096, memory.size(), io_, &got, memory.data(), &dbg));
  EXPECT_GT(dbg.counters["penstock.readahead"], 10 * memory.size());
  ASSERT_OK(file_->Prefetch(kFileBytes - 100'000, 100'000, io_, &dbg));
  ASSERT_OK(file_->Read(kFileBytes - 50'000, memory.size(), io_, &got, memory.data(), &dbg));
  EXPECT_EQ(dbg.counters["penstock.memory"], memory.size());
}

TEST_F(RocksReads, ATableThatIsChangedInPlaceIsNotRemembered) {
  reopen({});
  std::unique_ptr<db::FSRandomRWFile> editor;
  ASSERT_OK(env_->fs->NewRandomRWFile(directory_ / "000001.sst", {}, &editor, nullptr));
  ASSERT_OK(editor->Write(1000, "changed", io_, nullptr));
  ASSERT_OK(editor->Sync(io_, nullptr));
  ASSERT_OK(editor->Close(io_, nullptr));
  std::array<char, 7> memory;
  db::Slice got;
  ASSERT_OK(file_->Read(1000, memory.size(), io_, &got, memory.data(), nullptr));
  EXPECT_EQ(got.ToString(), "changed");
}

TEST_F(RocksReads, WhatCouldNotBeWrittenIsNotRead) {
  reopen({});
  std::unique_ptr<db::FSWritableFile> writer;
  ASSERT_OK(env_->fs->NewWritableFile(directory_ / "000002.sst", {}, &writer, nullptr));
  ASSERT_OK(writer->Append(std::string(kFileBytes, 'x'), io_, nullptr));
  SystemFaults failing;
  failing.inject({.call = SystemCall::kSync});
  failing.inject({.call = SystemCall::kWrite});
  posix::install_faults(&failing);
  EXPECT_FALSE(writer->Sync(io_, nullptr).ok());
  posix::install_faults(nullptr);
  open("000002.sst");
  db::IODebugContext dbg;
  std::array<char, 7> memory;
  db::Slice got;
  (void)file_->Read(1000, memory.size(), io_, &got, memory.data(), &dbg);
  EXPECT_EQ(dbg.counters.count("penstock.memory"), 0U);
}

}  // namespace

}  // namespace penstock::rocksdb
