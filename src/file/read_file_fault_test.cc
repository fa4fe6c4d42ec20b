// ReadFile and ReadAhead, when any of the calls that they make to the kernel goes wrong in any way.

#include "file/read_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "file/read_ahead.h"
#include "file/testing/fault_matrix.h"

namespace penstock::file {
namespace {

constexpr std::uint64_t kFileBytes = 150 * kKiB + 123;

std::byte byte_at(std::uint64_t position) {
  return static_cast<std::byte>(position * 31 + position / kBlockBytes * 7 + 5);
}

bool is_right(std::uint64_t from, ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != byte_at(from + i)) return false;
  }
  return true;
}

std::size_t expected_size(std::uint64_t from, std::size_t size_bytes) {
  return from < kFileBytes ? std::min<std::uint64_t>(size_bytes, kFileBytes - from) : 0;
}

// Every read that fails is made a second time, when nothing is wrong any more, and has to succeed.
class ReadScript {
 public:
  explicit ReadScript(FaultRun& run) : run_(run) {}

  void perform();

 private:
  template <typename Call>
  auto attempt(Call call) {
    auto result = call();
    if (!result) {
      run_.expect_explained(result.error());
      result = call();
    }
    EXPECT_TRUE(result) << "again, and nothing was wrong any more: " << result.error().message();
    return result;
  }

  void read_here_and_there(const ReadFile& file) {
    struct Place {
      std::uint64_t from;
      std::size_t size_bytes;
    };
    for (const auto [from, size_bytes] :
         {Place{0, 10}, Place{4000, 200}, Place{3, 100'000}, Place{8 * kBlockBytes, 24 * kBlockBytes},
          Place{kFileBytes - 50, 1000}, Place{kFileBytes, 10}}) {
      AlignedBuffer memory(size_bytes);
      const MutableBytes into = memory.span().first(size_bytes);
      const Result<std::size_t> read =
          attempt([&] { return run_.run(file.read(FilePosition{from}, into)); });
      ASSERT_EQ(read, expected_size(from, size_bytes));
      EXPECT_TRUE(is_right(from, into.first(*read)));
    }
  }

  void read_many(const ReadFile& file) {
    std::vector<std::vector<std::byte>> memory;
    std::vector<ReadRequest> requests;
    for (std::uint64_t i = 0; i < 6; ++i) {
      memory.emplace_back(1 + i * 7001);
      requests.push_back({.from = FilePosition{i * 27'111}, .into = memory.back()});
    }
    run_.run(file.read_many(requests));
    for (ReadRequest& request : requests) {
      if (!request.result) {
        run_.expect_explained(request.result.error());
        request.result = run_.run(file.read(request.from, request.into));
      }
      ASSERT_EQ(request.result, expected_size(request.from.value, request.into.size()));
      EXPECT_TRUE(is_right(request.from.value, request.into.first(*request.result)));
    }
  }

  // A scan, a seek back, and sequential reads of odd sizes.
  void read_ahead(const ReadFile& file, ReadAheadOptions options) {
    ReadAhead reader(run_.scheduler(), file.blocks(), options);
    std::uint64_t at = 0;
    while (at < kFileBytes) {
      const Result<SharedSlice> part = attempt([&] { return run_.run(reader.next(FilePosition{at})); });
      ASSERT_TRUE(part && !part->empty()) << "a scan stopped at " << at;
      ASSERT_TRUE(is_right(at, part->view()));
      at += part->size();
    }
    EXPECT_EQ(at, kFileBytes);
    const Result<SharedSlice> end = attempt([&] { return run_.run(reader.next(FilePosition{at})); });
    EXPECT_TRUE(end && end->empty());
    for (at = 100; at < kFileBytes; at += 53'333) {
      const Result<SharedSlice> part =
          attempt([&] { return run_.run(reader.read(FilePosition{at}, 53'333)); });
      ASSERT_TRUE(part && part->size() == expected_size(at, 53'333));
      ASSERT_TRUE(is_right(at, part->view()));
    }
  }

  // A reader that goes while its windows are on their way.
  void drop_in_flight(const ReadFile& file) {
    ReadAhead reader(run_.scheduler(), file.blocks(), {.sequential_from_start = true});
    const Result<SharedSlice> part = attempt([&] { return run_.run(reader.next(FilePosition{0})); });
    EXPECT_TRUE(part && is_right(0, part->view()));
  }

  FaultRun& run_;
};

void ReadScript::perform() {
  Result<ReadFile> file =
      attempt([this] { return run_.run(ReadFile::open(run_.disk(), run_.at("file"))); });
  ASSERT_TRUE(file);
  read_here_and_there(*file);
  read_many(*file);
  read_ahead(*file, {.window_bytes_min = 2 * kBlockBytes, .window_bytes_max = 8 * kBlockBytes});
  read_ahead(*file, {.window_bytes_max = 16 * kBlockBytes, .sequential_from_start = true});
  drop_in_flight(*file);
  const Result<std::uint64_t> size_bytes = attempt([&] { return run_.run(file->size()); });
  EXPECT_EQ(size_bytes, kFileBytes);
}

class ReadFileFaults : public testing::TestWithParam<FaultPlace> {};

TEST_P(ReadFileFaults, ReadsAreRightOrExplainedAndRightTheNextTime) {
  const auto [make, call] = GetParam();
  FaultDisk disk(make);
  RealDiskUnderTest* const under_test = disk.get();
  if (under_test == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  {
    Scheduler& scheduler = under_test->scheduler();
    const std::string path = under_test->root() + "/file";
    const auto file = scheduler.run(under_test->disk().open(path, {.write = true, .create = true}));
    ASSERT_TRUE(file) << file.error().message();
    AlignedBuffer contents(kFileBytes);
    for (std::size_t i = 0; i < contents.capacity(); ++i) contents.data()[i] = byte_at(i);
    const std::size_t size_bytes = contents.capacity();
    const SharedSlice bytes = std::move(contents).freeze(size_bytes);
    ASSERT_TRUE(scheduler.run((*file)->write(FilePosition{0}, bytes, Durability::kNone)));
    ASSERT_TRUE(scheduler.run((*file)->truncate(kFileBytes)));
  }
  run_fault_matrix(*under_test, call, [](FaultRun& run) { ReadScript(run).perform(); });
}

INSTANTIATE_TEST_SUITE_P(
    Real, ReadFileFaults,
    testing::Combine(testing::Values(RealMake::kUring, RealMake::kInline, RealMake::kPool),
                     testing::Values(SystemCall::kOpen, SystemCall::kRead, SystemCall::kStat)),
    name_of_fault_place);

}  // namespace
}  // namespace penstock::file
