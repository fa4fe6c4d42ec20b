#include "disk/read_rings.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "base/testing/temp_directory.h"
#include "disk/blocking_disk.h"

namespace penstock {
namespace {

constexpr std::size_t kBlocks = 600;

class ReadRingsTest : public testing::TestWithParam<IoMode> {
 protected:
  void SetUp() override {
    if (rings_.borrow() == nullptr) GTEST_SKIP() << "no io_uring";
    disk_.emplace(GetParam());
    OpenOptions how;
    how.write = true;
    how.create = true;
    file_ = Started(disk_->open(directory_ / "file", how)).await_resume().value();
    AlignedBuffer bytes(kBlocks * kBlockBytes);
    for (std::size_t i = 0; i < bytes.capacity(); ++i)
      bytes.data()[i] = static_cast<std::byte>(i / kBlockBytes * 7 + i);
    bytes_ = std::move(bytes).freeze(kBlocks * kBlockBytes);
    ASSERT_TRUE(Started(file_->write(FilePosition{}, bytes_, Durability::kNone)).await_resume());
  }

  const DescriptorFile& shared() const { return dynamic_cast<const DescriptorFile&>(*file_); }
  void expect_block(const Result<ReadResult>& read, std::size_t block) {
    ASSERT_TRUE(read) << read.error().message();
    ASSERT_EQ(read->size_bytes, kBlockBytes);
    EXPECT_EQ(std::memcmp(read->buffer.data(), bytes_.data() + block * kBlockBytes, kBlockBytes), 0);
  }

  TempDirectory directory_;
  WorkerPool pool_;
  ReadRings rings_{pool_};
  std::optional<BlockingDisk> disk_;
  std::unique_ptr<File> file_;
  SharedSlice bytes_;
};

using Reads = std::vector<Started<Result<ReadResult>>>;

Task<void> wait_for_all(Reads& reads, std::vector<Result<ReadResult>>& results) {
  for (Started<Result<ReadResult>>& read : reads) results.push_back(co_await read);
}

TEST_P(ReadRingsTest, ManyReadsOfABlockingDisksFileAreInFlightTogether) {
  const ReadRings::Lease ring = rings_.borrow();
  const std::unique_ptr<File> file = ring->share(shared());
  EXPECT_EQ(file->path(), file_->path());
  Reads reads;  // more of them than the ring has entries
  for (std::size_t block = 0; block < kBlocks; ++block)
    reads.emplace_back(
        file->read(FilePosition{block * kBlockBytes}, AlignedBuffer(kBlockBytes), kBlockBytes));
  EXPECT_FALSE(reads.front().has_ended());
  EXPECT_FALSE(ring->is_idle());
  std::vector<Result<ReadResult>> results;
  ring->run(wait_for_all(reads, results));
  EXPECT_TRUE(ring->is_idle());
  for (std::size_t block = 0; block < kBlocks; ++block) expect_block(results[block], block);
}

TEST_P(ReadRingsTest, OneThreadStartsAndAnotherWaits) {
  ReadRings::Lease ring = rings_.borrow();
  std::unique_ptr<File> file;
  Reads reads;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_started = false;
  bool may_go = false;
  // It does not enter the kernel any more, and nothing may wait for it to do so.
  std::thread starter([&] {
    file = ring->share(shared());
    reads.emplace_back(
        file->read(FilePosition{3 * kBlockBytes}, AlignedBuffer(kBlockBytes), kBlockBytes));
    ring->submit();
    std::unique_lock lock(mutex);
    is_started = true;
    changed.notify_all();
    changed.wait(lock, [&] { return may_go; });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_started; });
  }
  std::vector<Result<ReadResult>> results;
  ring->run(wait_for_all(reads, results));
  expect_block(results[0], 3);
  {
    const std::lock_guard lock(mutex);
    may_go = true;
  }
  changed.notify_all();
  starter.join();
}

TEST_P(ReadRingsTest, ThereAreSoManyAndTheyComeBack) {
  std::vector<ReadRings::Lease> lent;
  for (std::size_t i = 0; i < ReadRings::kMaxRings; ++i) lent.push_back(rings_.borrow());
  for (const ReadRings::Lease& ring : lent) EXPECT_NE(ring, nullptr);
  EXPECT_EQ(rings_.borrow(), nullptr);
  EXPECT_FALSE(rings_.refusal()) << "the system has granted all";
  const ReadRings::Ring* const one = lent.back().get();
  lent.pop_back();
  EXPECT_EQ(rings_.borrow().get(), one);
}

TEST_P(ReadRingsTest, WhoKeepsThemLeavesSomeForTheOthers) {
  std::vector<ReadRings::Lease> kept;
  for (std::size_t i = 0; i < ReadRings::kMaxKept; ++i) kept.push_back(rings_.borrow_to_keep());
  for (const ReadRings::Lease& ring : kept) EXPECT_NE(ring, nullptr);
  EXPECT_EQ(rings_.borrow_to_keep(), nullptr);
  EXPECT_NE(rings_.borrow(), nullptr);
  kept.pop_back();
  EXPECT_NE(rings_.borrow_to_keep(), nullptr);
}

TEST_P(ReadRingsTest, GivingOneBackWithAReadInFlightIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ReadRings::Lease ring = rings_.borrow();
        const std::unique_ptr<File> file = ring->share(shared());
        Reads reads;
        reads.emplace_back(file->read(FilePosition{}, AlignedBuffer(kBlockBytes), kBlockBytes));
        ring.reset();
      },
      "in flight");
}

INSTANTIATE_TEST_SUITE_P(Modes, ReadRingsTest, testing::Values(IoMode::kDirect, IoMode::kBuffered),
                         [](const auto& one) { return std::string(to_string(one.param)); });

}  // namespace
}  // namespace penstock
