#include "rocksdb/warm_output.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "base/testing/temp_directory.h"

namespace penstock::rocksdb {

namespace {

constexpr std::uint64_t kChunk = WarmOutput::kChunkBytes;

class WarmOutputTest : public testing::Test {
 protected:
  std::string make_file(const std::string& name) {
    std::ofstream(directory_ / name) << name;
    return directory_ / name;
  }
  static std::vector<std::byte> random_bytes(std::size_t size_bytes, std::uint64_t seed) {
    std::vector<std::byte> bytes(size_bytes);
    for (std::size_t i = 0; i < size_bytes; ++i)
      bytes[i] = static_cast<std::byte>(mix64(seed + i / 8) >> (i % 8 * 8));
    return bytes;
  }
  // What a table has at `from`; nothing when it is not all there.
  static std::optional<std::vector<std::byte>> read(const std::shared_ptr<WarmOutput::Table>& table,
                                                    std::uint64_t from, std::size_t size_bytes) {
    std::vector<std::byte> bytes(size_bytes);
    if (!table->read(FilePosition{from}, bytes)) return std::nullopt;
    return bytes;
  }
  static std::vector<std::byte> part(const std::vector<std::byte>& of, std::size_t from,
                                     std::size_t size_bytes) {
    return {of.begin() + static_cast<std::ptrdiff_t>(from),
            of.begin() + static_cast<std::ptrdiff_t>(from + size_bytes)};
  }

  TempDirectory directory_;
};

TEST_F(WarmOutputTest, AnyRangeOfWhatWasKeptIsRead) {
  WarmOutput output(8 * kChunk);
  const std::string path = make_file("table");
  const auto table = output.begin(path);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(output.find(path), nullptr) << "it has nothing yet";
  const auto bytes = random_bytes(3 * kChunk + 12345, 1);
  // In pieces that do not agree with the chunks.
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - at, 100'003);
    output.keep(table, ByteView(bytes).subspan(at, piece));
    at += piece;
  }
  ASSERT_EQ(output.find(path), table);
  Random random(7);
  for (int i = 0; i < 300; ++i) {
    const std::size_t from = random.below(bytes.size());
    const std::size_t size_bytes = random.below(bytes.size() - from + 1);
    ASSERT_EQ(read(table, from, size_bytes), part(bytes, from, size_bytes));
  }
  EXPECT_FALSE(read(table, bytes.size() - 10, 11)) << "behind the end";
}

TEST_F(WarmOutputTest, WhatWasWrittenFirstGoesFirst) {
  WarmOutput output(4 * kChunk);
  const std::string first_path = make_file("first");
  const std::string second_path = make_file("second");
  const auto first = output.begin(first_path);
  const auto bytes = random_bytes(10 * kChunk, 2);
  output.keep(first, ByteView(bytes).first(3 * kChunk));
  const auto second = output.begin(second_path);
  output.keep(second, ByteView(bytes).first(2 * kChunk));
  EXPECT_FALSE(read(first, 0, 1));
  EXPECT_FALSE(read(first, kChunk - 1, 2)) << "one half of it has gone";
  EXPECT_EQ(read(first, kChunk, 2 * kChunk), part(bytes, kChunk, 2 * kChunk));
  EXPECT_EQ(read(second, 0, 2 * kChunk), part(bytes, 0, 2 * kChunk));
  output.keep(second, ByteView(bytes).subspan(2 * kChunk, 2 * kChunk));
  EXPECT_EQ(output.find(first_path), nullptr) << "all of it has gone";
  EXPECT_EQ(read(second, 0, 4 * kChunk), part(bytes, 0, 4 * kChunk));
}

TEST_F(WarmOutputTest, OfATableLargerThanAllItsLastPartIsKept) {
  WarmOutput output(2 * kChunk);
  const std::string path = make_file("table");
  const auto table = output.begin(path);
  const auto bytes = random_bytes(7 * kChunk + 5, 3);
  output.keep(table, bytes);
  EXPECT_FALSE(read(table, 5 * kChunk, 1));
  EXPECT_EQ(read(table, 6 * kChunk, kChunk + 5), part(bytes, 6 * kChunk, kChunk + 5));
  EXPECT_EQ(output.find(path), table);
}

TEST_F(WarmOutputTest, AFileIsKnownByItsInode) {
  WarmOutput output(4 * kChunk);
  const std::string path = make_file("table");
  const auto table = output.begin(path);
  const auto bytes = random_bytes(100, 4);
  output.keep(table, bytes);
  std::filesystem::rename(path, directory_ / "renamed");
  EXPECT_EQ(output.find(path), nullptr);
  EXPECT_EQ(output.find(directory_ / "renamed"), table);
  std::filesystem::create_hard_link(directory_ / "renamed", directory_ / "linked");
  EXPECT_EQ(output.find(directory_ / "linked"), table);
  EXPECT_EQ(output.find(make_file("table")), nullptr) << "another file of that name";
  std::filesystem::remove(directory_ / "renamed");
  std::filesystem::remove(directory_ / "linked");
  for (int i = 0; i < 50; ++i)  // one of which gets the inode's number again
    EXPECT_EQ(output.find(make_file("new" + std::to_string(i))), nullptr);
}

TEST_F(WarmOutputTest, WhatIsForgottenTakesNoMore) {
  WarmOutput output(4 * kChunk);
  const std::string path = make_file("table");
  const auto table = output.begin(path);
  const auto bytes = random_bytes(2 * kChunk, 5);
  output.keep(table, bytes);
  output.forget(path);
  EXPECT_EQ(output.find(path), nullptr);
  EXPECT_FALSE(read(table, 0, 1));
  output.keep(table, bytes);
  EXPECT_EQ(output.find(path), nullptr);
  EXPECT_FALSE(read(table, 2 * kChunk, 1));
  // And its memory is there for others.
  const std::string other_path = make_file("other");
  const auto other = output.begin(other_path);
  output.keep(other, random_bytes(4 * kChunk, 6));
  EXPECT_TRUE(read(other, 0, 4 * kChunk));
}

TEST_F(WarmOutputTest, NothingIsKeptWithoutMemory) {
  WarmOutput output(0);
  const std::string path = make_file("table");
  EXPECT_EQ(output.begin(path), nullptr);
  output.keep(nullptr, random_bytes(10, 7));
  EXPECT_EQ(output.find(path), nullptr);
  output.forget(path);
}

TEST_F(WarmOutputTest, ReadersGoOnWhileOthersPushOut) {
  WarmOutput output(4 * kChunk);
  const auto bytes = random_bytes(2 * kChunk, 8);
  const auto table = output.begin(make_file("table"));
  output.keep(table, bytes);
  std::atomic<bool> is_over{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      Random random(static_cast<std::uint64_t>(i));
      while (!is_over) {
        const std::size_t from = random.below(2 * kChunk - 1000);
        const auto got = read(table, from, 1000);
        if (got) EXPECT_EQ(*got, part(bytes, from, 1000));
      }
    });
  }
  for (int i = 0; i < 40; ++i) {
    const auto other = output.begin(make_file("other" + std::to_string(i)));
    output.keep(other, bytes);
    if (i % 3 == 0) output.forget(other);
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(read(table, 0, 1));
}

}  // namespace

}  // namespace penstock::rocksdb
