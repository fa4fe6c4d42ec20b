// The file-system matrix: libpenstock through its public headers on every file system that it says it
// works on, in every mode that can be had there, and what it says where something cannot.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "disk/descriptor.h"
#include "mounted.h"
#include "penstock/penstock.h"

namespace penstock {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

std::vector<std::byte> some_bytes(std::size_t size_bytes, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::byte> bytes(size_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

class FileSystems : public testing::TestWithParam<FileSystemRecipe> {
 protected:
  void SetUp() override {
    mounted_.emplace(GetParam());
    if (!mounted_->is_mounted()) GTEST_SKIP() << GetParam().name << ": " << mounted_->why_not();
    auto engine = Engine::create();
    ASSERT_TRUE(engine) << engine.error().message();
    engine_.emplace(std::move(*engine));
  }

  std::string at(const std::string& name) const { return mounted_->path() + "/" + name; }

  AppendFile create(const std::string& name, AppendFileOptions options = {}) {
    auto file = AppendFile::create(*engine_, at(name), options);
    EXPECT_TRUE(file) << file.error().message();
    return std::move(*file);
  }

  // Modes that this file system can be asked for by name.
  std::vector<RequestedIoMode> possible_modes() {
    std::vector<RequestedIoMode> modes = {RequestedIoMode::kBuffered};
    const auto report = probe(mounted_->path());
    EXPECT_TRUE(report);
    if (report->direct.works()) modes.push_back(RequestedIoMode::kDirect);
    if (report->uncached.works()) modes.push_back(RequestedIoMode::kUncached);
    return modes;
  }

  std::vector<std::byte> read_all(const std::string& name,
                                  RequestedIoMode mode = RequestedIoMode::kAuto) {
    auto file = ReadFile::open(*engine_, at(name), {.mode = mode});
    EXPECT_TRUE(file) << file.error().message();
    std::vector<std::byte> bytes(*file->size());
    const auto got = file->read(0, bytes);
    EXPECT_TRUE(got) << got.error().message();
    EXPECT_EQ(*got, bytes.size());
    return bytes;
  }

  // Reserves all but about `left_bytes` of the file system for another file.
  void fill_up(std::uint64_t left_bytes) {
    const Descriptor filler(::open(at("filler").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    const auto left = [&] { return std::filesystem::space(mounted_->path()).available; };
    std::uint64_t size_bytes = 0;
    for (std::uint64_t piece_bytes = left(); piece_bytes >= 64 * kKiB;) {
      if (left() <= left_bytes) return;
      piece_bytes = std::min<std::uint64_t>(piece_bytes, left() - left_bytes);
      if (::fallocate(filler.get(), 0, static_cast<off_t>(size_bytes),
                      static_cast<off_t>(piece_bytes)) == 0) {
        size_bytes += piece_bytes;
      } else {
        piece_bytes /= 2;
      }
    }
  }

  std::optional<Mounted> mounted_;
  std::optional<Engine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Matrix, FileSystems, testing::ValuesIn(file_system_recipes()),
                         [](const auto& info) { return info.param.name; });

TEST_P(FileSystems, AutoTakesTheBestModeThatIsHonoured) {
  const auto report = probe(mounted_->path());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->file_system.type, GetParam().type);
  const AppendFile file = create("file");
  if (GetParam().best_mode == IoMode::kUncached && !report->uncached.works()) {
    GTEST_SKIP() << "RWF_DONTCACHE: " << report->uncached.why;
  }
  EXPECT_EQ(file.mode(), GetParam().best_mode) << file.mode_reason();
  EXPECT_FALSE(file.mode_reason().empty());
}

TEST_P(FileSystems, AModeThatCannotBeHadIsRefusedWithWhatCan) {
  for (const RequestedIoMode mode : {RequestedIoMode::kDirect, RequestedIoMode::kUncached}) {
    if (std::ranges::count(possible_modes(), mode) > 0) continue;
    const auto file = AppendFile::create(*engine_, at("file"), {.mode = mode});
    ASSERT_FALSE(file) << to_string(mode);
    EXPECT_EQ(file.error().code(), ErrorCode::kNotSupported);
    EXPECT_THAT(file.error().message(), AllOf(HasSubstr(mounted_->path()), HasSubstr(GetParam().type),
                                              HasSubstr(std::string(to_string(mode))),
                                              HasSubstr("'buffered'"), HasSubstr("'auto'")));
    EXPECT_FALSE(std::filesystem::exists(at("file")));
  }
}

TEST_P(FileSystems, WhatIsAppendedComesBackInEveryMode) {
  for (const RequestedIoMode mode : possible_modes()) {
    const std::string name = "file." + std::string(to_string(mode));
    SCOPED_TRACE(name);
    const std::vector<std::byte> bytes = some_bytes(3 * kMiB + 777, 5);
    const std::span<const std::byte> all(bytes);
    AppendFile file = create(name, {.mode = mode, .buffer_bytes = 64 * kKiB});
    Random random(9);
    std::uint64_t end = 0;
    while (end < bytes.size()) {
      const std::size_t size_bytes =
          std::min<std::size_t>(random.between(1, 90'000), bytes.size() - end);
      const auto position = file.append(all.subspan(end, size_bytes));
      ASSERT_TRUE(position) << position.error().message();
      EXPECT_EQ(*position, end);
      end += size_bytes;
      if (!random.one_in(8)) continue;
      ASSERT_TRUE(file.sync());
      EXPECT_EQ(file.durable_bytes(), end);
      // Shut down and open again, once in a while.
      if (!random.one_in(3)) continue;
      ASSERT_TRUE(file.seal());
      EXPECT_EQ(std::filesystem::file_size(at(name)), end);
      auto again = AppendFile::open(*engine_, at(name), {.mode = mode, .buffer_bytes = 64 * kKiB});
      ASSERT_TRUE(again) << again.error().message();
      file = std::move(*again);
    }
    ASSERT_TRUE(file.seal());
    EXPECT_EQ(std::filesystem::file_size(at(name)), bytes.size());
    EXPECT_EQ(read_all(name, mode), bytes);

    auto reader = ReadFile::open(*engine_, at(name), {.mode = mode});
    ASSERT_TRUE(reader) << reader.error().message();
    std::vector<std::byte> memory(500'000);
    std::vector<ReadRequest> requests;
    for (std::size_t i = 0; i < 50; ++i) {
      requests.push_back({.from = random.below(bytes.size() + 5000),
                          .into = std::span(memory).subspan(i * 10'000, random.below(10'000))});
    }
    reader->read_many(requests);
    for (const ReadRequest& request : requests) {
      ASSERT_TRUE(request.result) << request.result.error().message();
      const std::size_t from = std::min<std::size_t>(request.from, bytes.size());
      const auto expected = all.subspan(from, std::min(request.into.size(), bytes.size() - from));
      ASSERT_TRUE(std::ranges::equal(request.into.first(*request.result), expected));
    }

    ReadAhead scan(*reader);
    std::uint64_t scanned_bytes = 0;
    while (true) {
      const auto piece = scan.next();
      ASSERT_TRUE(piece) << piece.error().message();
      if (piece->empty()) break;
      ASSERT_TRUE(std::ranges::equal(*piece, all.subspan(scanned_bytes, piece->size())));
      scanned_bytes += piece->size();
    }
    EXPECT_EQ(scanned_bytes, bytes.size());
  }
}

TEST_P(FileSystems, DirectFilesLeaveNothingInThePageCache) {
  if (std::ranges::count(possible_modes(), RequestedIoMode::kDirect) == 0) {
    GTEST_SKIP() << "no direct I/O on this file system";
  }
  AppendFile file = create("file", {.mode = RequestedIoMode::kDirect});
  ASSERT_TRUE(file.append(some_bytes(kMiB + 777, 1)));
  ASSERT_TRUE(file.sync());
  ASSERT_TRUE(file.append(some_bytes(777, 2)));
  ASSERT_TRUE(file.seal());
  read_all("file", RequestedIoMode::kDirect);

  const std::size_t size_bytes = file.size_bytes();
  const Descriptor descriptor(::open(at("file").c_str(), O_RDONLY | O_CLOEXEC));
  void* memory = ::mmap(nullptr, size_bytes, PROT_NONE, MAP_SHARED, descriptor.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::vector<unsigned char> pages(size_bytes / 4096 + 1);
  ASSERT_EQ(::mincore(memory, size_bytes, pages.data()), 0);
  ::munmap(memory, size_bytes);
  // btrfs reads a last block that is not whole through the page cache, whatever it was asked.
  const std::int64_t pages_max = GetParam().type == "btrfs" ? 1 : 0;
  EXPECT_LE(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }),
            pages_max);
}

TEST_P(FileSystems, AFullDiskRefusesAndGoesOnWhenThereIsSpaceAgain) {
  AppendFile file = create("file", {.preparation_step_bytes = kMiB, .buffer_bytes = 64 * kKiB});
  std::vector<std::byte> expected = some_bytes(10'000, 1);
  ASSERT_TRUE(file.append(expected));
  ASSERT_TRUE(file.sync());
  fill_up(8 * kMiB);

  const std::vector<std::byte> piece = some_bytes(500'000, 2);
  std::optional<Error> error;
  for (int i = 0; i < 200 && !error; ++i) {
    const auto position = file.append(piece);
    if (!position) {
      error = position.error();
      break;
    }
    expected.insert(expected.end(), piece.begin(), piece.end());
  }
  ASSERT_TRUE(error.has_value()) << "the disk never became full";
  EXPECT_EQ(error->code(), ErrorCode::kNoSpace) << error->message();
  EXPECT_THAT(error->message(), HasSubstr(at("file")));
  EXPECT_EQ(file.size_bytes(), expected.size()) << "a refused append must have no effect";
  if (GetParam().type == "btrfs" && file.failure()) {
    // Copy on write: even space that was reserved can run out. What was synced is there all the same.
    const std::vector<std::byte> left = read_all("file");
    ASSERT_GE(left.size(), 10'000);
    EXPECT_TRUE(std::equal(expected.begin(), expected.begin() + 10'000, left.begin()));
    return;
  }
  const auto synced = file.sync();
  ASSERT_TRUE(synced) << synced.error().message();

  std::filesystem::remove(at("filler"));
  ::sync();  // some file systems free removed blocks only with their next commit
  const auto position = file.append(piece);
  ASSERT_TRUE(position) << position.error().message();
  expected.insert(expected.end(), piece.begin(), piece.end());
  ASSERT_TRUE(file.seal());
  EXPECT_EQ(read_all("file"), expected);
}

TEST_P(FileSystems, AReadOnlyMountCanBeReadAndSaysThatItCannotBeWritten) {
  const std::vector<std::byte> bytes = some_bytes(12'345, 3);
  {
    AppendFile file = create("file");
    ASSERT_TRUE(file.append(bytes));
    ASSERT_TRUE(file.seal());
  }
  engine_.reset();
  if (!mounted_->remount("ro")) GTEST_SKIP() << "this machine does not remount " << GetParam().name;
  engine_.emplace(std::move(*Engine::create()));
  const auto file = AppendFile::create(*engine_, at("new"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kPermission) << file.error().message();
  EXPECT_THAT(file.error().message(), AllOf(HasSubstr(mounted_->path()), HasSubstr("read-only")));
  EXPECT_EQ(read_all("file"), bytes);
  EXPECT_TRUE(mounted_->remount("rw"));
}

// Sets RLIMIT_FSIZE for a scope. The signal that comes with it keeps its deadly default.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t limit_bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = limit_bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(FileSystems, AFileSizeLimitRefusesAndKillsNobody) {
  for (const Preparation preparation : {Preparation::kAllocated, Preparation::kWritten}) {
    const std::string name = preparation == Preparation::kAllocated ? "allocated" : "written";
    SCOPED_TRACE(name);
    std::vector<std::byte> expected = some_bytes(700 * kKiB, 4);
    const std::vector<std::byte> piece = some_bytes(700 * kKiB, 5);
    AppendFile file = create(name, {.preparation = preparation, .preparation_step_bytes = 512 * kKiB});
    {
      const FileSizeLimit limit(kMiB);
      ASSERT_TRUE(file.append(expected));
      ASSERT_TRUE(file.sync());
      const auto refused = file.append(piece);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), ErrorCode::kTooLarge) << refused.error().message();
      EXPECT_THAT(refused.error().message(), AllOf(HasSubstr(at(name)), HasSubstr("RLIMIT_FSIZE")));
      EXPECT_EQ(file.size_bytes(), expected.size());
    }
    const auto position = file.append(piece);
    ASSERT_TRUE(position) << position.error().message();
    expected.insert(expected.end(), piece.begin(), piece.end());
    ASSERT_TRUE(file.seal());
    EXPECT_EQ(read_all(name), expected);
  }
}

TEST_P(FileSystems, ARemovedDirectoryIsNamed) {
  std::filesystem::create_directory(at("gone"));
  AppendFile file = create("gone/file");
  ASSERT_TRUE(file.append("before"));
  ASSERT_TRUE(file.sync());
  std::filesystem::remove_all(at("gone"));

  const auto other = AppendFile::create(*engine_, at("gone/other"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kNotFound) << other.error().message();
  EXPECT_THAT(other.error().message(), HasSubstr(at("gone")));
  const auto reader = ReadFile::open(*engine_, at("gone/file"));
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code(), ErrorCode::kNotFound) << reader.error().message();
  // A file without a name is a file, until it is closed.
  EXPECT_TRUE(file.append("after"));
  EXPECT_TRUE(file.sync());
}

TEST_P(FileSystems, MissingPermissionIsNamed) {
  {
    AppendFile file = create("file");
    ASSERT_TRUE(file.append("secret"));
    ASSERT_TRUE(file.seal());
  }
  ASSERT_EQ(::chmod(at("file").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(mounted_->path().c_str(), 0755), 0);
  engine_.reset();
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(::seteuid(kNobody), 0);
  auto engine = Engine::create();
  const auto created = engine ? AppendFile::create(*engine, at("new")) : Unexpected(engine.error());
  const auto opened = engine ? ReadFile::open(*engine, at("file")) : Unexpected(engine.error());
  ASSERT_EQ(::seteuid(0), 0);

  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), ErrorCode::kPermission) << created.error().message();
  EXPECT_THAT(created.error().message(), HasSubstr(mounted_->path()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kPermission) << opened.error().message();
  EXPECT_THAT(opened.error().message(), HasSubstr(at("file")));
}

}  // namespace
}  // namespace penstock
