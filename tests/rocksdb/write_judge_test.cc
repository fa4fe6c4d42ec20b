// A judge that cannot find anything is worse than none: each fault is planted in a good database.
#include "write_judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "write_script.h"

namespace penstock::tests {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::uint64_t kOperations = 3000;

// One writer; all that it did was acknowledged, a third of it as synced, and is there.
class WriteJudgeTest : public testing::Test {
 protected:
  WriteJudgeTest() : contents_(after(kOperations)) {
    for (std::uint64_t number = 0; number < kOperations; ++number)
      progress_.acknowledged += is_synced(number) ? kSynced : kNotSynced;
    progress_.begun = kOperations + 1;
  }

  Contents after(std::uint64_t operations) const {
    Contents contents;
    for (std::uint64_t number = 0; number < operations; ++number) {
      for (const Change& change : script_.operation(number)) {
        const std::string key = script_.key(change.key);
        if (change.is_delete)
          contents.erase(key);
        else
          contents[key] = script_.value(change.key, number);
      }
    }
    return contents;
  }

  Verdict judged() const { return judge(kSeed, std::span(&progress_, 1), contents_); }

  // The last operation of which `wanted` is true and no key is written later.
  template <typename Wanted>
  std::uint64_t last(Wanted wanted) const {
    std::vector<bool> is_written_later(WriteScript::kKeys);
    for (std::uint64_t number = kOperations; number-- > 0;) {
      const Operation changes = script_.operation(number);
      const bool is_newest = std::ranges::none_of(
          changes, [&](const Change& change) { return is_written_later[change.key]; });
      if (is_newest && wanted(number)) return number;
      for (const Change& change : changes) is_written_later[change.key] = true;
    }
    throw std::logic_error("the script has no such operation");
  }

  static bool is_synced(std::uint64_t number) { return mix64(number) % 3 == 0; }
  // Of one key only.
  bool is_put(std::uint64_t number) const { return is_single(number, /*is_delete=*/false); }
  bool is_delete(std::uint64_t number) const { return is_single(number, /*is_delete=*/true); }
  bool is_single(std::uint64_t number, bool is_delete) const {
    const Operation changes = script_.operation(number);
    return changes.size() == 1 && changes.front().is_delete == is_delete;
  }

  std::uint64_t last_synced_put() const {
    return last([this](std::uint64_t number) { return is_synced(number) && is_put(number); });
  }

  std::uint32_t key_of(std::uint64_t number) const { return script_.operation(number).front().key; }

  // A key may also be one of an older batch, which is torn then.
  void expect_finding(std::string_view text) const {
    const std::vector<std::string> findings = judged().findings;
    EXPECT_TRUE(std::ranges::any_of(findings, [text](const std::string& finding) {
      return finding.contains(text);
    })) << text;
  }

  const WriteScript script_{kSeed, 0};
  Contents contents_;
  Progress progress_;
};

TEST_F(WriteJudgeTest, AllThatWasWrittenIsGood) {
  const Verdict verdict = judged();
  EXPECT_EQ(verdict.finding_count, 0U) << verdict.findings.front();
  EXPECT_GT(verdict.required_count, WriteScript::kKeys / 2);
}

TEST_F(WriteJudgeTest, WhatWasBegunAndNotAcknowledgedMayBeThere) {
  progress_.acknowledged.resize(kOperations / 2);
  EXPECT_EQ(judged().finding_count, 0U);
}

TEST_F(WriteJudgeTest, WhatFollowsTheLastSyncedOperationMayBeMissing) {
  std::uint64_t last_synced = kOperations - 1;
  while (!is_synced(last_synced)) --last_synced;
  contents_ = after(last_synced + 1);
  EXPECT_EQ(judged().finding_count, 0U);
}

TEST_F(WriteJudgeTest, WhatFollowsAnEarlierOneMayNot) {
  contents_ = after(last_synced_put());
  expect_finding("was synced and acknowledged");
}

TEST_F(WriteJudgeTest, AMissingSyncedValueIsFound) {
  contents_.erase(script_.key(key_of(last_synced_put())));
  expect_finding("is missing");
}

TEST_F(WriteJudgeTest, AMissingUnsyncedValueIsNoneIfItsKeyWasNeverSynced) {
  std::vector<bool> was_synced(WriteScript::kKeys);
  for (std::uint64_t number = 0; number < kOperations; ++number) {
    for (const Change& change : script_.operation(number))
      if (is_synced(number)) was_synced[change.key] = true;
  }
  const std::uint64_t number = last(
      [&](std::uint64_t candidate) { return is_put(candidate) && !was_synced[key_of(candidate)]; });
  contents_.erase(script_.key(key_of(number)));
  EXPECT_EQ(judged().finding_count, 0U);
}

TEST_F(WriteJudgeTest, AnOlderValueThanTheSyncedOneIsFound) {
  const std::uint64_t number = last([this](std::uint64_t candidate) {
    return is_synced(candidate) && is_put(candidate) &&
           after(candidate).contains(script_.key(key_of(candidate)));
  });
  const std::string key = script_.key(key_of(number));
  contents_[key] = after(number).at(key);
  expect_finding("was synced and acknowledged");
}

TEST_F(WriteJudgeTest, ASyncedDeleteThatIsUndoneIsFound) {
  const std::uint64_t number = last([this](std::uint64_t candidate) {
    return is_synced(candidate) && is_delete(candidate) &&
           after(candidate).contains(script_.key(key_of(candidate)));
  });
  const std::string key = script_.key(key_of(number));
  contents_[key] = after(number).at(key);
  expect_finding("was synced and acknowledged");
}

TEST_F(WriteJudgeTest, AChangedByteIsFound) {
  contents_.at(script_.key(key_of(last_synced_put()))).back() ^= 1;
  expect_finding("that nobody wrote");
}

TEST_F(WriteJudgeTest, AValueOfAnotherKeyIsFound) {
  const std::uint32_t key = key_of(last_synced_put());
  contents_[script_.key(key)] = script_.value(key + 1, kOperations - 1);
  expect_finding("that nobody wrote");
}

TEST_F(WriteJudgeTest, AValueOfAnOperationThatWasNeverBegunIsFound) {
  const std::uint32_t key = key_of(last_synced_put());
  std::uint64_t future = kOperations + 1;
  while (!is_put(future) || key_of(future) != key) ++future;
  contents_[script_.key(key)] = script_.value(key, future);
  expect_finding("that nobody wrote");
}

TEST_F(WriteJudgeTest, ABatchOfWhichAPartIsMissingIsFound) {
  const std::uint64_t number = last([this](std::uint64_t candidate) {
    const Operation changes = script_.operation(candidate);
    return changes.size() > 1 && !is_synced(candidate) &&
           std::ranges::none_of(changes, &Change::is_delete);
  });
  contents_.erase(script_.key(key_of(number)));
  expect_finding("of the batch of operation");
}

TEST_F(WriteJudgeTest, AKeyOfNobodyIsFound) {
  contents_["1/000001"] = "";
  expect_finding("1 keys are nobody's");
}

}  // namespace
}  // namespace penstock::tests
