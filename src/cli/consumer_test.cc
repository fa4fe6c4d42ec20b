#include "cli/consumer.h"

#include <gtest/gtest.h>

#include "cli/offset_choice.h"
#include "cli/testing/fake_topic.h"

namespace penstock::cli {
namespace {

using kafka::ApiKey;
using kafka::KafkaError;
using std::chrono::milliseconds;
using Fault = FakeTopic::Fault;
using Texts = std::vector<std::string>;

constexpr milliseconds kTestTimeout{20'000};

class ConsumerTest : public testing::Test {
 protected:
  // Everything there is now, from `positions` on; "partition/offset value".
  Texts read(FakeTopic& topic, const PartitionPositions& positions, milliseconds timeout = kTestTimeout,
             std::size_t most = 1000) {
    KafkaCluster cluster(topic.bootstrap());
    Consumer consumer(cluster,
                      {.topic = FakeTopic::kName,
                       .timeout = timeout,
                       .ends_at_end = true,
                       .warn = [this](const std::string& text) { warnings_.push_back(text); }});
    const auto found =
        cluster.topic(FakeTopic::kName, KafkaCluster::Missing::kRefused, Deadline(kTestTimeout));
    EXPECT_TRUE(found);
    const auto assigned = consumer.assign(*found, positions);
    if (!assigned) error_ = assigned.error();
    Texts texts;
    const auto visit = [&](std::int32_t partition, const kafka::RecordView& record) -> Result<bool> {
      texts.push_back(fmt::format("{}/{} {}", partition, record.offset, as_text(record.value.value())));
      return texts.size() < most;
    };
    const Deadline deadline(kTestTimeout);
    while (assigned && !consumer.is_at_end()) {
      EXPECT_FALSE(deadline.has_passed());
      const auto goes_on = consumer.poll(milliseconds(100), visit);
      if (!goes_on) error_ = goes_on.error();
      if (!goes_on || !*goes_on || deadline.has_passed()) break;
    }
    positions_ = consumer.positions();
    return texts;
  }

  std::optional<Error> error_;
  Texts warnings_;
  PartitionPositions positions_;
};

TEST_F(ConsumerTest, ReadsEveryPartitionToItsEnd) {
  FakeTopic topic(2);
  topic.append_values(0, {"a", "b"});
  topic.append_values(0, {"c"});
  topic.append_values(1, {"d"});
  EXPECT_EQ(read(topic, {{0, Offset{1}}, {1, Offset{0}}}), (Texts{"0/1 b", "0/2 c", "1/0 d"}));
  EXPECT_EQ(positions_, (PartitionPositions{{0, Offset{3}}, {1, Offset{1}}}));
  EXPECT_EQ(read(topic, {{0, Offset{3}}}), Texts{});
  EXPECT_FALSE(error_);
}

TEST_F(ConsumerTest, ThePositionIsBehindWhatWasVisitedAndNotBehindWhatWasFetched) {
  FakeTopic topic(1);
  topic.append_values(0, {"a", "b", "c", "d"});
  EXPECT_EQ(read(topic, {{0, Offset{0}}}, kTestTimeout, 2), (Texts{"0/0 a", "0/1 b"}));
  EXPECT_EQ(positions_, (PartitionPositions{{0, Offset{2}}}));
}

TEST_F(ConsumerTest, ALeaderThatMovesIsFollowed) {
  FakeTopic topic(1, 2);
  topic.append_values(0, {"a", "b"});
  int requests = 0;
  topic.fail_as([&](ApiKey api, std::int32_t, std::int32_t, ByteView) {
    const bool moves = api == ApiKey::kFetch && ++requests == 1;
    return Fault{.error = moves ? KafkaError::kNotLeaderOrFollower : KafkaError::kNone};
  });
  EXPECT_EQ(read(topic, {{0, Offset{0}}}), (Texts{"0/0 a", "0/1 b"}));
  topic.lead(1);
  EXPECT_EQ(read(topic, {{0, Offset{1}}}), (Texts{"0/1 b"}));
  EXPECT_FALSE(error_);
}

TEST_F(ConsumerTest, ALostConnectionIsOpenedAgain) {
  FakeTopic topic(1);
  topic.append_values(0, {"a", "b"});
  int requests = 0;
  topic.fail_as(
      [&](ApiKey, std::int32_t, std::int32_t, ByteView) { return Fault{.closes = ++requests < 4}; });
  EXPECT_EQ(read(topic, {{0, Offset{0}}}), (Texts{"0/0 a", "0/1 b"}));
  EXPECT_FALSE(error_);
}

TEST_F(ConsumerTest, TroubleThatDoesNotPassIsGivenUp) {
  FakeTopic topic(1);
  topic.append_values(0, {"a"});
  topic.fail_as([&](ApiKey api, std::int32_t, std::int32_t, ByteView) {
    return Fault{.error = api == ApiKey::kFetch ? KafkaError::kKafkaStorageError : KafkaError::kNone};
  });
  EXPECT_EQ(read(topic, {{0, Offset{0}}}, milliseconds(300)), Texts{});
  ASSERT_TRUE(error_);
  EXPECT_TRUE(error_->message().contains("KAFKA_STORAGE_ERROR")) << error_->message();
}

TEST_F(ConsumerTest, DamageThatTheBrokerReportsIsToldAtOnceWithTheOffset) {
  FakeTopic topic(1);
  topic.append_values(0, {"a"});
  topic.fail_as([&](ApiKey api, std::int32_t, std::int32_t, ByteView) {
    return Fault{.error = api == ApiKey::kFetch ? KafkaError::kCorruptMessage : KafkaError::kNone};
  });
  EXPECT_EQ(read(topic, {{0, Offset{0}}}), Texts{});
  ASSERT_TRUE(error_);
  EXPECT_TRUE(error_->message().contains("offset 0")) << error_->message();
}

TEST_F(ConsumerTest, ADamagedBatchIsToldWithItsOffsetsAfterWhatIsInFrontOfIt) {
  FakeTopic topic(1);
  topic.append_values(0, {"a"});
  kafka::RecordBatchBuilder builder;
  builder.add({.timestamp_ms = 1, .value = as_bytes("b")});
  builder.add({.timestamp_ms = 1, .value = as_bytes("c")});
  std::vector<std::byte> damaged = std::move(builder).build();
  damaged.back() ^= std::byte{1};
  topic.append(0, damaged);
  topic.append_values(0, {"d"});
  EXPECT_EQ(read(topic, {{0, Offset{0}}}), (Texts{"0/0 a"}));
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(error_->message().contains("offsets 1 to 2")) << error_->message();
  EXPECT_EQ(positions_, (PartitionPositions{{0, Offset{1}}}));
  error_.reset();
  EXPECT_EQ(read(topic, {{0, Offset{3}}}), (Texts{"0/3 d"}));
  EXPECT_FALSE(error_);
}

TEST_F(ConsumerTest, WhatRetentionHasDeletedIsPassedOverWithAWarning) {
  FakeTopic topic(1);
  topic.append_values(0, {"a", "b"});
  topic.append_values(0, {"c"});
  topic.delete_below(0, Offset{2});
  EXPECT_EQ(read(topic, {{0, Offset{0}}}), (Texts{"0/2 c"}));
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_TRUE(warnings_[0].contains("offsets 0 to 1 are no longer there; going on at 2"))
      << warnings_[0];
}

TEST_F(ConsumerTest, AnOffsetBehindTheEndIsAnError) {
  FakeTopic topic(1);
  topic.append_values(0, {"a"});
  KafkaCluster cluster(topic.bootstrap());
  Consumer consumer(cluster, {.topic = FakeTopic::kName});
  const auto found =
      cluster.topic(FakeTopic::kName, KafkaCluster::Missing::kRefused, Deadline(kTestTimeout));
  ASSERT_TRUE(consumer.assign(*found, {{0, Offset{7}}}));
  const auto none = [](std::int32_t, const kafka::RecordView&) -> Result<bool> { return true; };
  Result<bool> goes_on = true;
  const Deadline deadline(kTestTimeout);
  while (goes_on && !deadline.has_passed()) goes_on = consumer.poll(milliseconds(100), none);
  ASSERT_FALSE(goes_on);
  EXPECT_EQ(goes_on.error().code(), ErrorCode::kOutOfRange);
}

TEST_F(ConsumerTest, APartitionThatIsNotThereIsRefused) {
  FakeTopic topic(1);
  EXPECT_EQ(read(topic, {{5, Offset{0}}}), Texts{});
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->code(), ErrorCode::kNotFound);
}

class ChooseOffsets : public testing::Test {
 protected:
  ChooseOffsets() : topic_(2), cluster_(topic_.bootstrap()) {
    topic_.append_values(0, {"a", "b", "c", "d", "e"});
    topic_.append_values(1, {"f"});
    topic_.delete_below(0, Offset{2});
  }
  Result<PartitionPositions> choose(std::string_view text) {
    const Deadline deadline(kTestTimeout);
    const auto found =
        cluster_.topic(FakeTopic::kName, KafkaCluster::Missing::kRefused, deadline).value();
    return choose_offsets(cluster_, found, OffsetChoice::parse(text).value(), Isolation::kReadCommitted,
                          deadline);
  }
  static PartitionPositions both(std::int64_t first, std::int64_t second) {
    return {{0, Offset{first}}, {1, Offset{second}}};
  }

  FakeTopic topic_;
  KafkaCluster cluster_;
};

TEST_F(ChooseOffsets, FindsThePlaceInEveryPartition) {
  EXPECT_EQ(choose("beginning"), both(2, 0));
  EXPECT_EQ(choose("end"), both(5, 1));
  EXPECT_EQ(choose("-2"), both(3, 0));
  EXPECT_EQ(choose("-100"), both(2, 0));
}

TEST_F(ChooseOffsets, AnOffsetHasToBeThere) {
  const auto chosen = choose("1");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code(), ErrorCode::kOutOfRange);
  EXPECT_TRUE(chosen.error().message().contains("2 to 4")) << chosen.error().message();
}

TEST_F(ChooseOffsets, WaitsForALeaderThatMoves) {
  int requests = 0;
  topic_.fail_as([&](ApiKey, std::int32_t, std::int32_t, ByteView) {
    return Fault{.error = ++requests < 4 ? KafkaError::kNotLeaderOrFollower : KafkaError::kNone};
  });
  EXPECT_EQ(choose("end"), both(5, 1));
}

}  // namespace
}  // namespace penstock::cli
