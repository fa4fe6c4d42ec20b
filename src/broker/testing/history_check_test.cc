// A checker that cannot fail is worse than none: each broken promise is planted in a good history and
// must be found, by the rule that it breaks.
#include "broker/testing/history_check.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::broker::testing::history {
namespace {

constexpr Partition kOrders{.topic = 0, .index = 0};
constexpr Partition kOtherOrders{.topic = 0, .index = 1};
constexpr Partition kResults{.topic = 1, .index = 0};

// Producers, by number.
constexpr std::uint32_t kPlain = 1;
constexpr std::uint32_t kTransactional = 2;
constexpr std::uint32_t kPipeline = 3;

constexpr std::uint64_t kCommitted = 1;
constexpr std::uint64_t kAborted = 2;
constexpr std::uint64_t kUnknown = 3;
constexpr std::uint64_t kOpen = 4;
constexpr std::uint64_t kOfPipeline = 5;

constexpr std::int64_t kEndOfOrders = 18;

// Orders hold ten plain messages, and then one of each transaction with its marker; a pipeline has made
// a result of each that is committed, and two consumers have read them.
class HistoryCheckTest : public ::testing::Test {
 protected:
  HistoryCheckTest() {
    for (std::uint64_t number = 0; number < 10; ++number) write({kPlain, number}, kOrders, {});
    make_transaction(kCommitted, Fate::kCommitted);
    make_transaction(kAborted, Fate::kAborted);
    make_transaction(kUnknown, Fate::kUnknown);
    make_transaction(kOpen, Fate::kOpen);
    history_.transactions[kOfPipeline] = {.fate = Fate::kCommitted, .ended = 20};
    const std::vector<Entry> sources = orders().committed;
    for (const Entry& entry : sources) {
      const Name name{kPipeline, static_cast<std::uint64_t>(entry.offset)};
      write(name, kResults, kOfPipeline);
      history_.writes[name].source = Place{kOrders, entry.offset};
    }
    ++history_.logs[kResults].end;
    ++history_.logs[kResults].stable_end;
    history_.pipeline = "pipeline";
    history_.commits.push_back({.group = "pipeline",
                                .partition = kOrders,
                                .offset = kEndOfOrders,
                                .began = 10,
                                .ended = 11,
                                .is_answered = true,
                                .transaction = kOfPipeline});
    see_offset("pipeline", kEndOfOrders, 30);
    history_.readings.push_back({"reader", "readers", Isolation::kCommitted, kOrders, sources});
    history_.readings.push_back({"auditor", "auditors", Isolation::kAll, kOrders, orders().all});
    commit_offset("readers", 5, 40);
    see_offset("readers", 5, 50);
    commit_offset("readers", kEndOfOrders, 60);
    see_offset("readers", kEndOfOrders, 70);
  }

  void write(Name name, Partition partition, std::optional<std::uint64_t> transaction) {
    Log& log = history_.logs[partition];
    const Entry entry{log.end, name};
    log.all.push_back(entry);
    if (!transaction || history_.transactions[*transaction].fate >= Fate::kUnknown)
      log.committed.push_back(entry);
    history_.writes[name] = {.partition = partition, .transaction = transaction, .offset = log.end};
    log.stable_end = ++log.end;
  }
  void make_transaction(std::uint64_t number, Fate fate) {
    history_.transactions[number] = {.fate = fate, .ended = number};
    for (const Partition partition : {kOrders, kOtherOrders}) {
      write({kTransactional, next_number_++}, partition, number);
      history_.logs[partition].stable_end = ++history_.logs[partition].end;  // the marker
    }
  }
  void commit_offset(const std::string& group, std::int64_t offset, std::uint64_t at) {
    history_.commits.push_back({.group = group,
                                .partition = kOrders,
                                .offset = offset,
                                .began = at,
                                .ended = at + 1,
                                .is_answered = true});
  }
  void see_offset(const std::string& group, std::int64_t offset, std::uint64_t at) {
    history_.sights.push_back({group, kOrders, offset, at, at + 1});
  }

  Log& orders() { return history_.logs[kOrders]; }
  std::vector<Entry>& committed_reading() { return history_.readings[0].entries; }
  std::vector<Entry>& full_reading() { return history_.readings[1].entries; }
  static void erase_offset(std::vector<Entry>& entries, std::int64_t offset) {
    std::erase_if(entries, [&](const Entry& entry) { return entry.offset == offset; });
  }
  // From everywhere but what its producer was told.
  void erase_everywhere(std::int64_t offset) {
    for (std::vector<Entry>* const entries :
         {&orders().all, &orders().committed, &committed_reading(), &full_reading()})
      erase_offset(*entries, offset);
  }

  ::testing::AssertionResult finds(const std::string& text) const {
    const Verdict verdict = check_history(history_);
    for (const std::string& finding : verdict.findings) {
      if (finding.contains(text)) return ::testing::AssertionSuccess();
    }
    auto failure = ::testing::AssertionFailure() << "no finding \"" << text << "\" among";
    for (const std::string& finding : verdict.findings) failure << "\n  " << finding;
    return failure;
  }

  History history_;
  std::uint64_t next_number_ = 0;
};

TEST_F(HistoryCheckTest, AGoodHistoryHasNoFindings) {
  const Verdict verdict = check_history(history_);
  EXPECT_EQ(verdict.findings, std::vector<std::string>{});
  EXPECT_EQ(verdict.finding_count, 0U);
}

TEST_F(HistoryCheckTest, ARuleThatIsBrokenEverywhereDoesNotHideAnother) {
  for (Entry& entry : orders().all) entry.message.reset();
  history_.complaints.emplace_back("a gap");
  const Verdict verdict = check_history(history_);
  EXPECT_EQ(std::ranges::count_if(verdict.findings,
                                  [](const std::string& text) { return text.starts_with("content"); }),
            Verdict::kMaxOfARule);
  EXPECT_GT(verdict.finding_count, verdict.findings.size());
  EXPECT_TRUE(finds("told: a gap"));
}

// Order and content.

TEST_F(HistoryCheckTest, AReaderThatGoesBackIsFound) {
  std::swap(full_reading()[3], full_reading()[4]);
  EXPECT_TRUE(finds("order: auditor in 0/0 was given with offset 4 and then with 3"));
}

TEST_F(HistoryCheckTest, AReaderThatIsGivenAMessageTwiceIsFound) {
  full_reading().insert(full_reading().begin() + 3, full_reading()[3]);
  EXPECT_TRUE(finds("order: auditor in 0/0 was given with offset 3 and then with 3"));
}

TEST_F(HistoryCheckTest, AReaderThatIsNotGivenAMessageIsFound) {
  erase_offset(committed_reading(), 6);
  EXPECT_TRUE(finds("order: reader in 0/0 was not given message 6 of producer 1 at offset 6"));
}

TEST_F(HistoryCheckTest, TwoReadersWithDifferentMessagesAtAnOffsetAreFound) {
  committed_reading()[2].message = Name{kPlain, 7};
  EXPECT_TRUE(
      finds("content: reader in 0/0 read message 7 of producer 1 at offset 2, where there is "
            "message 2"));
}

TEST_F(HistoryCheckTest, WhatWasReadAndIsGoneIsFound) {
  full_reading().push_back({kEndOfOrders + 1, Name{kPlain, 99}});
  EXPECT_TRUE(
      finds("content: auditor in 0/0 read message 99 of producer 1 at offset 19, and it is gone"));
}

TEST_F(HistoryCheckTest, BytesThatNobodySentAreFound) {
  orders().all[4].message.reset();
  EXPECT_TRUE(finds("content: offset 4 of 0/0 holds bytes that nobody sent"));
}

TEST_F(HistoryCheckTest, AMessageInAnotherPartitionIsFound) {
  history_.writes.at({kPlain, 3}).partition = kOtherOrders;
  history_.writes.at({kPlain, 3}).offset.reset();
  EXPECT_TRUE(finds("content: message 3 of producer 1 was sent to 0/1"));
}

TEST_F(HistoryCheckTest, AProducersMessagesOutOfOrderAreFound) {
  std::swap(orders().all[3].message, orders().all[4].message);
  EXPECT_TRUE(finds("sequence: message 3 of producer 1 at offset 4 of 0/0 stands behind message 4"));
}

// Acknowledgements.

TEST_F(HistoryCheckTest, ALostAcknowledgedMessageIsFound) {
  erase_everywhere(9);
  EXPECT_TRUE(finds("lost: message 9 of producer 1 was acknowledged at offset 9 of 0/0, and is not"));
}

TEST_F(HistoryCheckTest, ALostMessageWhoseOffsetWasNotToldIsFound) {
  history_.writes.at({kPlain, 9}).offset = kSomewhere;
  EXPECT_EQ(check_history(history_).findings, std::vector<std::string>{});
  erase_everywhere(9);
  EXPECT_TRUE(finds("lost: message 9 of producer 1 was acknowledged, and is not in 0/0"));
}

TEST_F(HistoryCheckTest, AMessageThatWasNotAcknowledgedMayBeMissing) {
  erase_everywhere(9);
  history_.writes.at({kPlain, 9}).offset.reset();
  std::erase_if(history_.writes,
                [](const auto& write) { return write.second.source == Place{kOrders, 9}; });
  for (const Isolation isolation : {Isolation::kAll, Isolation::kCommitted}) {
    auto& log = history_.logs[kResults];
    erase_offset(isolation == Isolation::kAll ? log.all : log.committed, 9);
  }
  EXPECT_EQ(check_history(history_).findings, std::vector<std::string>{});
}

TEST_F(HistoryCheckTest, AnAcknowledgedMessageThatMovedIsFound) {
  history_.writes.at({kPlain, 5}).offset = 6;
  EXPECT_TRUE(
      finds("lost: message 5 of producer 1 was acknowledged at offset 6 of 0/0, where there is "
            "message 6"));
}

TEST_F(HistoryCheckTest, ALostMessageOfAnAbortedTransactionIsFound) {
  erase_everywhere(12);
  EXPECT_TRUE(finds("lost: message 2 of producer 2 was acknowledged at offset 12"));
}

TEST_F(HistoryCheckTest, APlainMessageThatCommittedReadersAreNotGivenIsFound) {
  erase_offset(orders().committed, 3);
  EXPECT_TRUE(finds("lost: message 3 of producer 1 at offset 3 of 0/0 is kept from readers"));
}

TEST_F(HistoryCheckTest, ADuplicateIsFound) {
  orders().all.push_back({kEndOfOrders, Name{kPlain, 9}});
  EXPECT_TRUE(
      finds("twice: message 9 of producer 1 stands at offset 9 of 0/0 and at offset 18 of 0/0"));
}

// Transactions.

TEST_F(HistoryCheckTest, APartOfACommittedTransactionThatIsNotSeenIsFound) {
  history_.logs[kOtherOrders].committed.erase(history_.logs[kOtherOrders].committed.begin());
  EXPECT_TRUE(
      finds("transaction: message 1 of producer 2 of transaction 1, which was committed, is not"));
}

TEST_F(HistoryCheckTest, APartOfAnAbortedTransactionThatIsSeenIsFound) {
  history_.logs[kOtherOrders].committed.push_back({2, Name{kTransactional, 3}});
  EXPECT_TRUE(
      finds("transaction: message 3 of producer 2 of transaction 2, which was aborted, is seen"));
}

TEST_F(HistoryCheckTest, ATransactionThatNobodyEndedAndIsSeenIsFound) {
  history_.logs[kOtherOrders].committed.push_back({6, Name{kTransactional, 7}});
  EXPECT_TRUE(finds("of transaction 4, which was never to be committed, is seen"));
}

TEST_F(HistoryCheckTest, AnUnknownTransactionThatIsSeenInPartIsFound) {
  std::erase_if(history_.logs[kOtherOrders].committed,
                [](const Entry& entry) { return entry.offset == 4; });
  EXPECT_TRUE(
      finds("transaction: of transaction 3, which may have been committed, message 4 of producer "
            "2 is seen, and message 5 of producer 2 is not"));
}

TEST_F(HistoryCheckTest, ACommitAfterTheFenceIsFound) {
  history_.transactions.at(kAborted).is_contradictory = true;
  EXPECT_TRUE(finds("told: transaction 2 was aborted, and then its commit succeeded"));
}

TEST_F(HistoryCheckTest, ACommittedReaderOfAbortedMessagesIsFound) {
  committed_reading().insert(committed_reading().begin() + 11, {12, Name{kTransactional, 2}});
  EXPECT_TRUE(
      finds("isolation: reader in 0/0 read message 2 of producer 2 at offset 12, which is not"));
}

TEST_F(HistoryCheckTest, WhatIsHeldUpWhenAllIsOverIsFound) {
  orders().stable_end = 16;
  EXPECT_TRUE(finds("held up: 0/0 ends at 16 for readers of committed messages, and at 18"));
  history_.is_over = false;
  EXPECT_FALSE(finds("held up"));
}

// Groups.

TEST_F(HistoryCheckTest, AnOffsetThatGoesBackIsFound) {
  see_offset("readers", 5, 80);
  EXPECT_TRUE(finds("offset: group readers in 0/0: 5 at 80, after it had been 18"));
}

TEST_F(HistoryCheckTest, ACommitOfAMemberThatHasBeenReplacedIsFound) {
  commit_offset("readers", 7, 80);
  EXPECT_TRUE(finds("offset: group readers in 0/0: 7 at 80, after it had been 18"));
}

TEST_F(HistoryCheckTest, AnAnswerThatWasOnItsWayMayBeOlder) {
  history_.sights.push_back({"readers", kOrders, 5, 59, 90});
  EXPECT_EQ(check_history(history_).findings, std::vector<std::string>{});
}

TEST_F(HistoryCheckTest, AnOffsetOfACommittedTransactionThatIsLostIsFound) {
  history_.sights.front().offset = 0;
  EXPECT_TRUE(finds("offset: group pipeline in 0/0: 0 at 30, after it had been 18"));
}

TEST_F(HistoryCheckTest, AnOffsetOfAnAbortedTransactionIsFound) {
  history_.transactions.at(kOfPipeline).fate = Fate::kAborted;
  EXPECT_TRUE(finds("offset: group pipeline in 0/0: 18 at 31, which nobody has committed"));
}

TEST_F(HistoryCheckTest, AGroupThatIsCarriedPastAMessageIsFound) {
  committed_reading().pop_back();
  EXPECT_TRUE(
      finds("offset: group readers in 0/0: 18 was committed, and nobody has read message 4 of "
            "producer 2 at offset 14"));
}

// The pipeline.

TEST_F(HistoryCheckTest, AMessageThatIsWorkedOnTwiceIsFound) {
  const Name name{kPipeline, 100};
  write(name, kResults, kOfPipeline);
  history_.writes.at(name).source = Place{kOrders, 3};
  EXPECT_TRUE(finds("once: of what stands at offset 3 of 0/0, 2 committed messages were made"));
}

TEST_F(HistoryCheckTest, AMessageThatIsLeftOutIsFound) {
  history_.writes.at({kPipeline, 3}).source.reset();
  EXPECT_TRUE(finds("once: of what stands at offset 3 of 0/0 no message was made"));
}

TEST_F(HistoryCheckTest, AResultWithoutItsOffsetIsFound) {
  history_.commits.front().offset = 14;
  history_.sights.front().offset = 14;
  EXPECT_TRUE(
      finds("once: of what stands at offset 14 of 0/0 a message was made, and the group is at 14"));
}

TEST_F(HistoryCheckTest, AResultOfAMessageThatIsNotCommittedIsFound) {
  history_.writes.at({kPipeline, 3}).source = Place{kOrders, 12};
  EXPECT_TRUE(
      finds("once: of what stands at offset 12 of 0/0, and is not committed, a message was made"));
}

TEST_F(HistoryCheckTest, AnErrorThatNoClientShouldSeeIsFound) {
  history_.complaints.emplace_back("producer 1: a gap in its sequence");
  EXPECT_TRUE(finds("told: producer 1: a gap in its sequence"));
}

}  // namespace
}  // namespace penstock::broker::testing::history
