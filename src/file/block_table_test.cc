#include "file/block_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "file/ghost_queue.h"

namespace penstock::file {
namespace {

using Name = std::pair<std::uint64_t, std::uint64_t>;

BlockKey key_of(const Name& name) { return {.file_id = name.first, .block = name.second}; }

// A table and the owner of its keys: a number is a key's place in `keys`.
class TableUnderTest {
 public:
  explicit TableUnderTest(std::size_t keys_max)
      : keys(keys_max), entries_(BlockTable::entries_for(keys_max)), table(entries_) {}

  std::uint32_t find(const BlockKey& key) const {
    return table.find(key, [this](std::uint32_t number) { return keys[number]; });
  }

  std::vector<BlockKey> keys;

 private:
  std::vector<BlockTable::Entry> entries_;

 public:
  BlockTable table;
};

TEST(BlockTableTest, FindsWhatWasInsertedAndNothingElse) {
  TableUnderTest under_test(3);
  for (std::uint32_t number = 0; number < 3; ++number) {
    under_test.keys[number] = {.file_id = 7, .block = number};
    under_test.table.insert(under_test.keys[number], number);
  }
  for (std::uint32_t number = 0; number < 3; ++number) {
    EXPECT_EQ(under_test.find({.file_id = 7, .block = number}), number);
  }
  EXPECT_EQ(under_test.find({.file_id = 7, .block = 3}), BlockTable::kNone);
  EXPECT_EQ(under_test.find({.file_id = 8, .block = 0}), BlockTable::kNone);
}

TEST(BlockTableTest, ErasesOnlyTheNumberThatIsStoredUnderTheKey) {
  TableUnderTest under_test(2);
  const BlockKey key{.file_id = 1, .block = 1};
  under_test.keys[1] = key;
  under_test.table.insert(key, 1);
  EXPECT_FALSE(under_test.table.erase(key, 0));
  EXPECT_EQ(under_test.find(key), 1U);
  EXPECT_TRUE(under_test.table.erase(key, 1));
  EXPECT_FALSE(under_test.table.erase(key, 1));
  EXPECT_EQ(under_test.find(key), BlockTable::kNone);
}

TEST(BlockTableTest, TellsKeysApartThatShareTheStoredPartOfTheirHash) {
  std::map<std::uint64_t, std::uint64_t> block_of_hash;
  std::uint64_t block = 0;
  const auto stored_hash = [](std::uint64_t of) { return hash_of({.file_id = 1, .block = of}) >> 32; };
  while (block_of_hash.emplace(stored_hash(block), block).second) ++block;

  TableUnderTest under_test(2);
  under_test.keys[0] = {.file_id = 1, .block = block};
  under_test.keys[1] = {.file_id = 1, .block = block_of_hash.at(stored_hash(block))};
  under_test.table.insert(under_test.keys[0], 0);
  EXPECT_EQ(under_test.find(under_test.keys[1]), BlockTable::kNone);
  under_test.table.insert(under_test.keys[1], 1);
  EXPECT_EQ(under_test.find(under_test.keys[0]), 0U);
  EXPECT_EQ(under_test.find(under_test.keys[1]), 1U);
}

TEST(BlockTableTest, RefusesMoreKeysThanItIsFor) {
  TableUnderTest under_test(1);
  under_test.table.insert({.file_id = 1, .block = 1}, 0);
  EXPECT_DEATH(under_test.table.insert({.file_id = 1, .block = 2}, 1), "more keys than it is for");
}

// Small tables that are always nearly full: runs of entries wrap around the end, and every removal
// closes a gap.
TEST(BlockTableTest, AgreesWithAMapThroughAnyInsertsAndErases) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const std::size_t keys_max = random.between(1, 40);
    TableUnderTest under_test(keys_max);
    std::map<Name, std::uint32_t> reference;
    std::vector<std::uint32_t> unused;
    for (std::uint32_t number = 0; number < keys_max; ++number) unused.push_back(number);

    for (int step = 0; step < 3000; ++step) {
      const Name name{random.below(3), random.below(2 * keys_max)};
      const auto known = reference.find(name);
      ASSERT_EQ(under_test.find(key_of(name)),
                known == reference.end() ? BlockTable::kNone : known->second)
          << "seed " << seed << " step " << step;
      if (known != reference.end()) {
        ASSERT_TRUE(under_test.table.erase(key_of(name), known->second));
        unused.push_back(known->second);
        reference.erase(known);
      } else if (!unused.empty()) {
        const std::uint32_t number = unused.back();
        unused.pop_back();
        under_test.keys[number] = key_of(name);
        under_test.table.insert(key_of(name), number);
        reference.emplace(name, number);
      }
      ASSERT_EQ(under_test.table.size(), reference.size());
    }
    for (const auto& [name, number] : reference) ASSERT_EQ(under_test.find(key_of(name)), number);
  }
}

// Neighbouring blocks of neighbouring files, which is what keys are, must not crowd together.
TEST(BlockTableTest, SpreadsConsecutiveBlocksOfConsecutiveFiles) {
  constexpr std::size_t kFiles = 128;
  constexpr std::size_t kBlocks = 512;
  constexpr std::size_t kBuckets = kFiles * kBlocks;
  std::vector<std::uint32_t> keys_in(kBuckets);
  for (std::uint64_t file = 0; file < kFiles; ++file) {
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
      ++keys_in[(hash_of({.file_id = file, .block = block}) >> 32) * kBuckets >> 32];
    }
  }
  // As many keys as buckets: at random, a bucket gets 9 or more with probability 1e-6.
  EXPECT_LE(*std::ranges::max_element(keys_in), 10U);
}

TEST(GhostQueueTest, RemembersTheLastKeysAndForgetsThoseThatWereTaken) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    const std::size_t ghosts_max = random.between(1, 30);
    std::vector<BlockKey> ring(ghosts_max);
    std::vector<BlockTable::Entry> entries(BlockTable::entries_for(ghosts_max));
    GhostQueue ghosts(ring, entries);

    // The reference: places in the order of remembering; a key that was taken leaves its place empty.
    std::deque<std::pair<Name, bool>> reference;
    for (int step = 0; step < 2000; ++step) {
      const Name name{random.below(2), random.below(2 * ghosts_max)};
      const auto known = std::ranges::find(reference, std::pair(name, true));
      ASSERT_EQ(ghosts.take(key_of(name)), known != reference.end()) << "seed " << seed;
      if (known != reference.end()) known->second = false;
      if (random.coin()) {
        ghosts.remember(key_of(name));
        reference.emplace_back(name, true);
        if (reference.size() > ghosts_max) reference.pop_front();
      }
      ASSERT_EQ(ghosts.size(), std::ranges::count(reference, true, &std::pair<Name, bool>::second));
    }
  }
}

}  // namespace
}  // namespace penstock::file
