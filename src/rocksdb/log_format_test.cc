#include "rocksdb/log_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "rocksdb/testing/record_log.h"

namespace penstock::rocksdb {

namespace {

const std::string kZeros(std::size_t{3} * LogWalk::kLogBlockBytes, '\0');

std::string random_payload(Random& random, std::size_t max_bytes) {
  std::string payload(random.below(max_bytes), '\0');
  for (char& byte : payload) byte = static_cast<char>(random.next());
  return payload;
}

TEST(LogWalk, DataEndsInFrontOfZeros) {
  RecordLog log;
  for (const std::size_t bytes : {1U, 100U, 40'000U, 7U, 100'000U}) log.add(std::string(bytes, 'x'));
  EXPECT_EQ(end_of_log(log.bytes()), log.bytes().size());
  for (const std::size_t zeros : {1U, 6U, 7U, 4096U, 90'000U})
    EXPECT_EQ(end_of_log(log.bytes() + kZeros.substr(0, zeros)), log.bytes().size()) << zeros;
  EXPECT_EQ(end_of_log(kZeros), 0U);
  EXPECT_EQ(end_of_log(""), 0U);
}

TEST(LogWalk, ZerosAtTheEndOfARecordAreItsOwn) {
  RecordLog log;
  log.add("a" + std::string(500, '\0'));
  EXPECT_EQ(end_of_log(log.bytes() + kZeros), log.bytes().size());
}

TEST(LogWalk, ATornRecordIsCutOffWhereverItIsTorn) {
  RecordLog log;
  log.add("the first one");
  const std::size_t whole = log.bytes().size();
  log.add(std::string(50'000, 'y'));  // two fragments
  for (std::size_t torn = whole; torn < log.bytes().size(); torn += 97)
    EXPECT_EQ(end_of_log(log.bytes().substr(0, torn) + kZeros), whole) << torn;
}

// A device may keep any sectors of the writes that were not flushed, and need not keep them in order.
TEST(LogWalk, WhatComesBehindASectorThatAPowerCutLeftOutIsCutOff) {
  constexpr std::size_t kSector = 512;
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    RecordLog log;
    std::vector<std::size_t> ends{0};
    while (log.bytes().size() < 80'000) {
      log.add(random_payload(random, random.one_in(10) ? 40'000 : 900));
      ends.push_back(log.bytes().size());
    }
    // Up to here it was flushed: of the sector the rest was zeros before.
    const std::size_t flushed = ends[random.below(ends.size() - 1)];
    const std::size_t sector =
        random.between(flushed / kSector, (log.bytes().size() - 1) / kSector) * kSector;
    const std::size_t hole = std::max(flushed, sector);
    std::string bytes = log.bytes() + kZeros;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(hole),
              bytes.begin() + static_cast<std::ptrdiff_t>(sector + kSector), '\0');
    const std::size_t whole = *std::prev(std::ranges::upper_bound(ends, hole));
    EXPECT_EQ(end_of_log(bytes), whole) << flushed << " " << hole;
  }
}

TEST(LogWalk, DamageInFrontOfARightRecordStays) {
  RecordLog log;
  log.add("the first one");
  log.add("the second one");
  log.add("the third one");
  for (std::size_t damaged = 0; damaged < log.bytes().size() - 20; ++damaged) {
    std::string bytes = log.bytes();
    bytes[damaged] = static_cast<char>(bytes[damaged] ^ 0x41);
    EXPECT_EQ(end_of_log(bytes + kZeros), bytes.size()) << damaged;
  }
}

TEST(LogWalk, RandomLogsEndWhereTheyEnd) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    RecordLog log;
    const std::uint64_t records = random.below(40);
    for (std::uint64_t i = 0; i < records; ++i) log.add(random_payload(random, 9000));
    const std::string& bytes = log.bytes();
    ASSERT_EQ(end_of_log(bytes + kZeros.substr(0, random.below(kZeros.size()))), bytes.size());
  }
}

}  // namespace

}  // namespace penstock::rocksdb
