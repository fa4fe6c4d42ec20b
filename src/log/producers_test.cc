#include "log/producers.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "log/producers_file.h"
#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int32_t kLastSequence = std::numeric_limits<std::int32_t>::max();

// A log that has nothing but producers' batches, without its bytes.
class ProducersTest : public ::testing::Test {
 protected:
  static BatchHeader batch(std::int64_t producer_id, std::int32_t first, std::int32_t count = 1,
                           std::int16_t epoch = 0) {
    BatchHeader header;
    header.producer_id = producer_id;
    header.producer_epoch = epoch;
    header.base_sequence = first;
    header.last_offset_delta = count - 1;
    return header;
  }
  static BatchHeader transactional(std::int64_t producer_id, std::int32_t first) {
    BatchHeader header = batch(producer_id, first);
    header.is_transactional = true;
    return header;
  }

  // With everything asked about that is to be asked about.
  ProducerCheck check(const BatchHeader& header) const {
    return producers.check(header, producers.guard(header.producer_id)).verdict;
  }
  // Appends it, whatever check() says; returns its offset.
  Offset add(BatchHeader header) {
    header.base_offset = end;
    producers.add(header, {}, kNow);
    end = header.next_offset();
    return header.base_offset;
  }
  Offset add_marker(std::int64_t producer_id, TransactionOutcome outcome, std::int16_t epoch = 0) {
    TransactionMarker marker;
    marker.producer_id = producer_id;
    marker.producer_epoch = epoch;
    marker.outcome = outcome;
    std::vector<std::byte> bytes = encode_marker(marker);
    stamp_batch(bytes, end, 0);
    const auto header = BatchHeader::parse(bytes);
    producers.add(*header, bytes, kNow);
    end = header->next_offset();
    return header->base_offset;
  }
  void all_durable() { producers.advance(end, end); }
  Offset last_stable() const { return producers.last_stable_offset(end); }

  Producers producers;
  Offset end;
};

// ---- sequences

TEST_F(ProducersTest, AnUnknownProducerMayBeginWithAnyNumber) {
  EXPECT_EQ(check(batch(1, 0)), ProducerCheck::kNext);
  EXPECT_EQ(check(batch(1, 4711)), ProducerCheck::kNext);
}

TEST_F(ProducersTest, TheNextNumberFollowsTheLastRecord) {
  add(batch(1, 0, 10));
  EXPECT_EQ(check(batch(1, 10)), ProducerCheck::kNext);
  EXPECT_EQ(check(batch(1, 9)), ProducerCheck::kOutOfOrder);
  EXPECT_EQ(check(batch(1, 11)), ProducerCheck::kOutOfOrder);
  EXPECT_EQ(check(batch(2, 77)), ProducerCheck::kNext) << "another producer";
}

TEST_F(ProducersTest, TheNumbersBeginAgainAtZero) {
  add(batch(1, kLastSequence - 1, 2));
  EXPECT_EQ(check(batch(1, 0)), ProducerCheck::kNext);
  producers.roll_back(Offset{0});
  end = Offset{0};
  add(batch(1, kLastSequence - 1, 4));  // and in the middle of a batch
  EXPECT_EQ(check(batch(1, 2)), ProducerCheck::kNext);
  EXPECT_EQ(check(batch(1, kLastSequence - 1, 4)), ProducerCheck::kDuplicate);
}

TEST_F(ProducersTest, TheNewestFiveAreKnownAgain) {
  for (std::int32_t i = 0; i < 7; ++i) add(batch(1, 2 * i, 2));
  for (std::int32_t i = 2; i < 7; ++i) {
    const auto checked = producers.check(batch(1, 2 * i, 2));
    EXPECT_EQ(checked.verdict, ProducerCheck::kDuplicate) << i;
    EXPECT_EQ(checked.duplicate_of.base_offset, Offset{2 * i});
    EXPECT_EQ(checked.duplicate_of.next_offset, Offset{2 * i + 2});
  }
  EXPECT_EQ(check(batch(1, 2, 2)), ProducerCheck::kOutOfOrder) << "too old";
  EXPECT_EQ(check(batch(1, 12, 1)), ProducerCheck::kOutOfOrder) << "a part of one";
}

TEST_F(ProducersTest, ALaterEpochBeginsAtZeroAndFencesTheEarlierOneOff) {
  add(batch(1, 0, 5));
  EXPECT_EQ(check(batch(1, 5, 1, 1)), ProducerCheck::kOutOfOrder);
  ASSERT_EQ(check(batch(1, 0, 1, 1)), ProducerCheck::kNext);
  add(batch(1, 0, 1, 1));
  EXPECT_EQ(check(batch(1, 5)), ProducerCheck::kStaleEpoch);
  EXPECT_EQ(check(batch(1, 0, 5)), ProducerCheck::kStaleEpoch) << "not a duplicate any more";
  EXPECT_EQ(check(batch(1, 1, 1, 1)), ProducerCheck::kNext);
}

TEST_F(ProducersTest, WhatWasNeverWrittenIsForgotten) {
  add(batch(1, 0));
  all_durable();
  add(batch(1, 1));
  add(batch(2, 9));
  add(batch(1, 0, 1, 1));
  producers.roll_back(Offset{2});
  EXPECT_EQ(check(batch(1, 1)), ProducerCheck::kDuplicate);
  EXPECT_EQ(check(batch(1, 2)), ProducerCheck::kNext) << "the later epoch was not written";
  EXPECT_EQ(check(batch(2, 1)), ProducerCheck::kNext) << "it is not known";
  producers.roll_back(Offset{1});
  EXPECT_EQ(check(batch(1, 1)), ProducerCheck::kNext);
  EXPECT_EQ(check(batch(1, 0)), ProducerCheck::kDuplicate) << "that is durable";
}

TEST_F(ProducersTest, TheDurableStateHasWhatIsDurableAndNoMore) {
  add(batch(1, 0));
  add(batch(1, 1));
  add(batch(2, 0));
  producers.advance(Offset{1}, Offset{1});
  const ProducersAt known = producers.durable_state(Offset{1}, Offset{0}, kNow);
  EXPECT_EQ(known.offset, Offset{1});
  ASSERT_EQ(known.table.size(), 1U);
  ASSERT_EQ(known.table.find(1)->batches().size(), 1U);
  EXPECT_EQ(check(batch(1, 2)), ProducerCheck::kNext) << "what is pending counts for appends";
}

TEST_F(ProducersTest, WhoIsSilentForADayIsForgottenUnlessItsTransactionIsOpen) {
  add(batch(1, 0));
  add(transactional(2, 0));
  all_durable();
  const std::int64_t later = kNow + ProducerTable::kForgottenAfterMs;
  EXPECT_EQ(producers.durable_state(end, Offset{0}, later).table.size(), 2U);
  EXPECT_EQ(producers.durable_state(end, Offset{0}, later + 1).table.size(), 1U);
  EXPECT_EQ(check(batch(1, 4711)), ProducerCheck::kNext);
  EXPECT_EQ(check(transactional(2, 4711)), ProducerCheck::kOutOfOrder);
}

TEST(ProducerTableTest, HasABoundAndForgetsWhoWasSilentForLongest) {
  ProducerTable table;
  ProducerState state;
  state.transaction_start = Offset{0};
  table.put(-1, state);
  state.transaction_start.reset();
  for (std::int64_t id = 0; id < 20'000; ++id) {
    state.last_seen_ms = id;
    table.put(id, state);
    ASSERT_LE(table.size(), ProducerTable::kProducersMax);
    ASSERT_NE(table.find(id), nullptr) << "who came last stays";
  }
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_NE(table.find(19'000), nullptr);
  EXPECT_NE(table.find(-1), nullptr) << "its transaction is open";
}

// ---- transactions

TEST_F(ProducersTest, NothingBehindAnOpenTransactionIsStable) {
  add(batch(1, 0));
  EXPECT_EQ(last_stable(), Offset{1});
  add(transactional(2, 0));
  add(transactional(2, 1));
  add(transactional(3, 0));
  EXPECT_EQ(last_stable(), Offset{1});
  const Offset marker = add_marker(2, TransactionOutcome::kCommit);
  producers.advance(marker, marker);
  EXPECT_EQ(producers.last_stable_offset(marker), Offset{1}) << "readers do not see the marker yet";
  all_durable();
  EXPECT_EQ(last_stable(), Offset{3}) << "the other one's";
  add_marker(3, TransactionOutcome::kCommit);
  all_durable();
  EXPECT_EQ(last_stable(), end);
  EXPECT_TRUE(producers.aborted_within(Offset{0}, end).empty());
}

TEST_F(ProducersTest, AbortedTransactionsAreFoundWhereTheyMatter) {
  add(transactional(1, 0));                    // 0
  add(transactional(2, 0));                    // 1
  add_marker(1, TransactionOutcome::kAbort);   // 2
  add(transactional(1, 1));                    // 3
  add_marker(1, TransactionOutcome::kCommit);  // 4
  add_marker(2, TransactionOutcome::kAbort);   // 5
  add(transactional(1, 2));                    // 6
  add_marker(1, TransactionOutcome::kAbort);   // 7
  all_durable();
  using Aborted = AbortedTransaction;
  const Aborted first{1, Offset{0}, Offset{2}, Offset{1}};
  const Aborted second{2, Offset{1}, Offset{5}, Offset{6}};
  const Aborted third{1, Offset{6}, Offset{7}, Offset{8}};
  EXPECT_EQ(producers.aborted_within(Offset{0}, Offset{8}), (std::vector{first, second, third}));
  EXPECT_EQ(producers.aborted_within(Offset{0}, Offset{1}), (std::vector{first}));
  EXPECT_EQ(producers.aborted_within(Offset{3}, Offset{5}), (std::vector{second}));
  EXPECT_EQ(producers.aborted_within(Offset{6}, Offset{7}), (std::vector{third}));
}

TEST_F(ProducersTest, AMarkerThatWasNeverWrittenEndsNothing) {
  add(transactional(1, 0));
  all_durable();
  const Offset marker = add_marker(1, TransactionOutcome::kAbort);
  producers.roll_back(marker);
  end = marker;
  EXPECT_TRUE(producers.aborted_within(Offset{0}, end).empty());
  all_durable();
  EXPECT_EQ(last_stable(), Offset{0});
  add_marker(1, TransactionOutcome::kCommit);
  all_durable();
  EXPECT_EQ(last_stable(), end);
}

TEST_F(ProducersTest, ATransactionBeginsWhenItWasAskedAbout) {
  const BatchHeader first = transactional(1, 0);
  EXPECT_EQ(producers.check(first).verdict, ProducerCheck::kUnverified);
  EXPECT_EQ(producers.check(first, producers.guard(1)).verdict, ProducerCheck::kNext);
  add(first);
  EXPECT_EQ(producers.check(transactional(1, 1)).verdict, ProducerCheck::kNext) << "it has begun";
  EXPECT_EQ(check(batch(1, 1)), ProducerCheck::kOutsideTransaction);
  add_marker(1, TransactionOutcome::kCommit);
  EXPECT_EQ(producers.check(transactional(1, 1)).verdict, ProducerCheck::kUnverified);
  EXPECT_EQ(producers.check(first).verdict, ProducerCheck::kDuplicate) << "whatever has become of it";
  EXPECT_EQ(check(batch(1, 1)), ProducerCheck::kNext);
}

TEST_F(ProducersTest, AnAnswerThatAMarkerHasOvertakenBeginsNoTransaction) {
  const TransactionGuard before = producers.guard(1);
  add_marker(1, TransactionOutcome::kAbort);
  EXPECT_EQ(producers.check(transactional(1, 0), before).verdict, ProducerCheck::kUnverified);
  EXPECT_EQ(producers.check(transactional(1, 0), producers.guard(1)).verdict, ProducerCheck::kNext);
}

TEST_F(ProducersTest, AMarkerOfALaterEpochFencesItsProducerOff) {
  add(transactional(1, 0));
  add_marker(1, TransactionOutcome::kAbort, 1);
  EXPECT_EQ(check(transactional(1, 1)), ProducerCheck::kStaleEpoch);
  EXPECT_EQ(check(batch(1, 0, 1, 1)), ProducerCheck::kNext);
}

// ---- what is written down

TEST_F(ProducersTest, WhatIsWrittenDownIsReadBack) {
  for (std::int32_t i = 0; i < 7; ++i) add(batch(1, i));
  add(transactional(2, 0));
  add_marker(2, TransactionOutcome::kAbort);
  add(transactional(3, 0));
  all_durable();
  const ProducersAt known = producers.durable_state(end, Offset{0}, kNow);
  const auto slot = encode_producers(partition_id(), 9, known);
  const auto found = decode_producers(partition_id(), slot);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->number, 9U);
  EXPECT_EQ(found->known.offset, end);
  EXPECT_EQ(found->known.aborted, known.aborted);
  for (const std::int64_t id : {1, 2, 3}) {
    ASSERT_NE(found->known.table.find(id), nullptr);
    EXPECT_EQ(*found->known.table.find(id), *known.table.find(id));
  }
  const Producers again(found->known);
  EXPECT_EQ(again.last_stable_offset(end), Offset{9});
}

TEST_F(ProducersTest, EveryDamagedByteOfASlotIsFound) {
  add(batch(1, 0));
  add(transactional(2, 0));
  add_marker(2, TransactionOutcome::kAbort);
  all_durable();
  const auto slot = encode_producers(partition_id(), 1, producers.durable_state(end, Offset{0}, kNow));
  for (std::size_t at = 0; at < slot.size(); ++at) {
    auto damaged = slot;
    damaged[at] ^= std::byte{1};
    EXPECT_FALSE(decode_producers(partition_id(), damaged)) << at;
    EXPECT_FALSE(decode_producers(partition_id(), ByteView(slot).first(at))) << at;
  }
  PartitionId other = partition_id();
  other.index = 1;
  EXPECT_FALSE(decode_producers(other, slot));
}

TEST(TransactionMarkerTest, SaysHowItEnded) {
  TransactionMarker marker{.producer_id = 5, .producer_epoch = 3};
  for (const auto outcome : {TransactionOutcome::kAbort, TransactionOutcome::kCommit}) {
    marker.outcome = outcome;
    const auto batch = encode_marker(marker);
    const auto header = BatchHeader::parse(batch);
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->is_control);
    EXPECT_TRUE(header->is_transactional);
    EXPECT_EQ(header->producer_id, 5);
    EXPECT_EQ(header->producer_epoch, 3);
    EXPECT_TRUE(batch_checksum_is_right(batch));
    EXPECT_EQ(marker_outcome(batch), outcome);
  }
}

}  // namespace
}  // namespace penstock::log::testing
