#include "broker/fetch_sessions.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/testing/broker_machine.h"

namespace penstock::broker::testing {
namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::KafkaError;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int16_t kVersion = 12;

FetchRequest::Partition part(std::int32_t index, Offset from = {}) {
  FetchRequest::Partition wanted;
  wanted.partition = index;
  wanted.fetch_offset = from;
  wanted.partition_max_bytes = 1 << 20;
  return wanted;
}

FetchRequest::Topic topic_of(std::string name, std::vector<FetchRequest::Partition> partitions) {
  FetchRequest::Topic topic;
  topic.topic = std::move(name);
  topic.partitions = std::move(partitions);
  return topic;
}

// A request that asks for a session with these partitions of "orders".
FetchRequest full(std::vector<FetchRequest::Partition> partitions) {
  FetchRequest request;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  request.session_epoch = 0;
  request.topics.push_back(topic_of("orders", std::move(partitions)));
  return request;
}

// One within a session that says nothing new.
FetchRequest incremental(std::int32_t id, std::int32_t epoch) {
  FetchRequest request;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  request.session_id = id;
  request.session_epoch = epoch;
  return request;
}

FetchRequest forgetting(FetchRequest request, std::vector<std::int32_t> partitions) {
  FetchRequest::ForgottenTopic topic;
  topic.topic = "orders";
  topic.partitions = std::move(partitions);
  request.forgotten_topics_data.push_back(std::move(topic));
  return request;
}

std::vector<std::int32_t> indexes_in(const FetchResponse& response) {
  std::vector<std::int32_t> indexes;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) indexes.push_back(partition.partition_index);
  }
  return indexes;
}

using Indexes = std::vector<std::int32_t>;

class FetchSessionsTest : public ::testing::Test {
 protected:
  FetchSessionsTest() : machine_(storage_) {
    machine_.start();
    machine_.create_topic("orders", 3);
  }
  std::int32_t begin(const FetchRequest& request) { return machine_.ask(request, kVersion).session_id; }
  KafkaError error_of(const FetchRequest& request, std::int16_t version = kVersion) {
    const auto response = machine_.ask(request, version);
    if (response.error_code != KafkaError::kNone) {
      EXPECT_TRUE(response.responses.empty());
      EXPECT_EQ(response.session_id, 0);
    }
    return response.error_code;
  }
  bool is_there(std::int32_t id) {
    // A wrong epoch leaves a session as it is.
    return error_of(incremental(id, -2)) == KafkaError::kInvalidFetchSessionEpoch;
  }
  const FetchSessionStats& stats() { return machine_.broker().stats().fetch_sessions; }

  BrokerStorage storage_;
  BrokerMachine machine_;
};

TEST_F(FetchSessionsTest, BeginWithAFullAnswerForThoseWhoAsk) {
  const auto response = machine_.ask(full({part(0), part(1), part(2)}), kVersion);
  EXPECT_EQ(response.error_code, KafkaError::kNone);
  EXPECT_GT(response.session_id, 0);
  EXPECT_EQ(indexes_in(response), (Indexes{0, 1, 2}));

  FetchRequest without = full({part(0)});
  without.session_epoch = -1;
  EXPECT_EQ(begin(without), 0);
  // Nothing to remember.
  EXPECT_EQ(begin(full({})), 0);
  EXPECT_EQ(stats().created, 1U);
  EXPECT_EQ(stats().partitions, 3U);
}

TEST_F(FetchSessionsTest, AnswerOnlyWithWhatIsNew) {
  const auto id = begin(full({part(0), part(1), part(2)}));
  EXPECT_EQ(indexes_in(machine_.ask(incremental(id, 1), kVersion)), Indexes{});

  machine_.produce("orders", batch_of({"a"}), 1);
  const auto news = machine_.ask(incremental(id, 2), kVersion);
  EXPECT_EQ(news.session_id, id);
  ASSERT_EQ(indexes_in(news), Indexes{1});
  EXPECT_EQ(news.responses[0].topic, "orders");
  EXPECT_EQ(values_of(news.responses[0].partitions[0].records), std::vector<std::string>{"a"});

  FetchRequest gets_on = incremental(id, 3);
  gets_on.topics.push_back(topic_of("orders", {part(1, Offset{1})}));
  EXPECT_EQ(indexes_in(machine_.ask(gets_on, kVersion)), Indexes{});
  EXPECT_EQ(stats().incremental_fetches, 3U);
}

TEST_F(FetchSessionsTest, WaitForWhatIsNew) {
  const auto id = begin(full({part(0), part(1)}));
  FetchRequest waits = incremental(id, 1);
  waits.max_wait_ms = 60'000;
  BackgroundAnswer<FetchResponse> answer;
  machine_.start_asking(answer, waits, kVersion);
  machine_.sleep(seconds(1));
  EXPECT_FALSE(answer.is_there());
  machine_.produce("orders", batch_of({"a"}), 1);
  machine_.sleep(milliseconds(10));
  ASSERT_TRUE(answer.is_there());
  EXPECT_EQ(indexes_in(*answer), Indexes{1});
}

TEST_F(FetchSessionsTest, TellMarksAlsoWithoutRecords) {
  const auto id = begin(full({part(0), part(1, Offset{0})}));
  machine_.produce("orders", batch_of({"a"}), 0);
  machine_.produce("orders", batch_of({"b"}), 1);
  FetchRequest narrow = incremental(id, 1);
  narrow.max_bytes = 1;
  const auto news = machine_.ask(narrow, kVersion);
  ASSERT_EQ(indexes_in(news), (Indexes{0, 1}));
  EXPECT_EQ(news.responses[0].partitions[1].high_watermark, Offset{1});
  EXPECT_EQ(news.responses[0].partitions[1].records.size(), 0U);
}

TEST_F(FetchSessionsTest, GiveEveryPartitionItsTurn) {
  for (std::int32_t i = 0; i < 3; ++i) machine_.produce("orders", batch_of({"x"}), i);
  FetchRequest narrow = full({part(0), part(1), part(2)});
  narrow.max_bytes = 1;
  std::vector<std::int32_t> served;
  const auto note_served = [&served](const FetchResponse& response) {
    for (const auto& topic : response.responses) {
      for (const auto& partition : topic.partitions) {
        if (partition.records.size() > 0) served.push_back(partition.partition_index);
      }
    }
  };
  const auto begun = machine_.ask(narrow, kVersion);
  note_served(begun);
  for (std::int32_t epoch = 1; epoch <= 5; ++epoch) {
    FetchRequest next = incremental(begun.session_id, epoch);
    next.max_bytes = 1;
    note_served(machine_.ask(next, kVersion));
  }
  EXPECT_EQ(served, (Indexes{0, 1, 2, 0, 1, 2}));
}

TEST_F(FetchSessionsTest, TakeInPartitionsAndForgetThem) {
  const auto id = begin(full({part(0)}));
  FetchRequest more = incremental(id, 1);
  more.topics.push_back(topic_of("orders", {part(2)}));
  EXPECT_EQ(indexes_in(machine_.ask(more, kVersion)), Indexes{2});
  EXPECT_EQ(stats().partitions, 2U);

  machine_.produce("orders", batch_of({"a"}), 0);
  machine_.produce("orders", batch_of({"a"}), 2);
  EXPECT_EQ(indexes_in(machine_.ask(forgetting(incremental(id, 2), {0, 1}), kVersion)), Indexes{2});
  EXPECT_EQ(stats().partitions, 1U);

  const auto last = machine_.ask(forgetting(incremental(id, 3), {2}), kVersion);
  EXPECT_EQ(last.error_code, KafkaError::kNone);
  EXPECT_EQ(last.session_id, 0);
  EXPECT_EQ(indexes_in(last), Indexes{});
  EXPECT_EQ(error_of(incremental(id, 4)), KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(stats().sessions, 0U);
  EXPECT_EQ(stats().partitions, 0U);
}

TEST_F(FetchSessionsTest, RepeatAnErrorUntilItIsGoneAndThenTellTheMarks) {
  FetchRequest request = full({part(0)});
  request.topics.push_back(topic_of("later", {part(0)}));
  const auto id = begin(request);
  for (std::int32_t epoch = 1; epoch <= 2; ++epoch) {
    const auto refused = machine_.ask(incremental(id, epoch), kVersion);
    ASSERT_EQ(refused.responses.size(), 1U);
    EXPECT_EQ(refused.responses[0].topic, "later");
    EXPECT_EQ(refused.responses[0].partitions.at(0).error_code, KafkaError::kUnknownTopicOrPartition);
  }
  machine_.create_topic("later", 1);
  const auto served = machine_.ask(incremental(id, 3), kVersion);
  ASSERT_EQ(served.responses.size(), 1U);
  EXPECT_EQ(served.responses[0].partitions.at(0).error_code, KafkaError::kNone);
  EXPECT_EQ(served.responses[0].partitions.at(0).high_watermark, Offset{0});
  EXPECT_EQ(indexes_in(machine_.ask(incremental(id, 4), kVersion)), Indexes{});
}

TEST_F(FetchSessionsTest, CountTheirRequests) {
  const auto id = begin(full({part(0)}));
  for (const std::int32_t epoch : {2, -2, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(error_of(incremental(id, epoch)), KafkaError::kInvalidFetchSessionEpoch) << epoch;
  }
  EXPECT_EQ(error_of(incremental(id, 1)), KafkaError::kNone);
  EXPECT_EQ(error_of(incremental(id, 1)), KafkaError::kInvalidFetchSessionEpoch);
  EXPECT_EQ(error_of(incremental(id, 2)), KafkaError::kNone);
  EXPECT_EQ(error_of(incremental(id + 256, 1)), KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(error_of(incremental(0, 1)), KafkaError::kFetchSessionIdNotFound);

  EXPECT_EQ(FetchSession::epoch_after(1), 2);
  EXPECT_EQ(FetchSession::epoch_after(std::numeric_limits<std::int32_t>::max()), 1);
}

TEST_F(FetchSessionsTest, EndWithAFullRequest) {
  const auto first = begin(full({part(0)}));
  FetchRequest again = full({part(1)});
  again.session_id = first;
  const auto second = begin(again);
  EXPECT_NE(second, 0);
  EXPECT_NE(second, first);
  EXPECT_FALSE(is_there(first));

  FetchRequest last = full({part(1)});
  last.session_id = second;
  last.session_epoch = -1;
  const auto answered = machine_.ask(last, kVersion);
  EXPECT_EQ(answered.session_id, 0);
  EXPECT_EQ(indexes_in(answered), Indexes{1});
  EXPECT_FALSE(is_there(second));
  EXPECT_EQ(stats().evicted, 0U);
}

TEST_F(FetchSessionsTest, GoByIdsOrByNamesAndStayWithThat) {
  const auto by_name = begin(full({part(0)}));
  EXPECT_EQ(error_of(incremental(by_name, 1), 13), KafkaError::kFetchSessionTopicIdError);
  EXPECT_EQ(error_of(incremental(by_name, 1), 12), KafkaError::kNone);

  FetchRequest request = full({part(0), part(1)});
  request.topics[0].topic.clear();
  request.topics[0].topic_id = machine_.broker().topics()->find("orders")->id;
  const auto by_id = machine_.ask(request, 16);
  ASSERT_EQ(indexes_in(by_id), (Indexes{0, 1}));
  EXPECT_EQ(error_of(incremental(by_id.session_id, 1), 12), KafkaError::kFetchSessionTopicIdError);
  machine_.produce("orders", batch_of({"a"}), 1);
  const auto news = machine_.ask(incremental(by_id.session_id, 1), 16);
  ASSERT_EQ(indexes_in(news), Indexes{1});
  EXPECT_EQ(news.responses[0].topic_id, request.topics[0].topic_id);

  machine_.delete_topic("orders");
  machine_.create_topic("orders", 3);
  const auto gone = machine_.ask(incremental(by_id.session_id, 2), 16);
  ASSERT_EQ(indexes_in(gone).size(), 2U);
  EXPECT_EQ(gone.responses[0].partitions[0].error_code, KafkaError::kUnknownTopicId);
}

TEST_F(FetchSessionsTest, ARequestCanFollowBeforeTheOneBeforeIsAnswered) {
  const auto id = begin(full({part(0), part(1)}));
  FetchRequest waits = incremental(id, 1);
  waits.max_wait_ms = 60'000;
  BackgroundAnswer<FetchResponse> first;
  machine_.start_asking(first, waits, kVersion);
  machine_.sleep(milliseconds(1));
  const auto second = machine_.ask(forgetting(incremental(id, 2), {1}), kVersion);
  EXPECT_EQ(second.error_code, KafkaError::kNone);
  machine_.produce("orders", batch_of({"a"}), 1);
  machine_.sleep(milliseconds(10));
  ASSERT_TRUE(first.is_there());
  EXPECT_EQ(first->responses.at(0).partitions.back().partition_index, 1);
}

// ---- bounds

TEST_F(FetchSessionsTest, MakeRoomOnlyWhenTheyAreIdleOrOldAndSmaller) {
  machine_.settings().max_fetch_sessions = 2;
  const auto first = begin(full({part(0)}));
  const auto second = begin(full({part(0), part(1)}));
  EXPECT_EQ(begin(full({part(0), part(1), part(2)})), 0) << "both are young";

  machine_.sleep(FetchSessions::kMayGoAfter);
  EXPECT_EQ(error_of(incremental(first, 1)), KafkaError::kNone);
  const auto third = begin(full({part(0)}));
  EXPECT_NE(third, 0);
  EXPECT_FALSE(is_there(second)) << "it was idle";
  EXPECT_TRUE(is_there(first));

  // The first is used, and it is old.
  EXPECT_EQ(begin(full({part(0)})), 0) << "as large as those that are there";
  const auto larger = begin(full({part(0), part(1)}));
  EXPECT_NE(larger, 0);
  EXPECT_FALSE(is_there(first));
  EXPECT_TRUE(is_there(third));
  EXPECT_EQ(stats().evicted, 2U);
  EXPECT_EQ(stats().sessions, 2U);
  EXPECT_EQ(stats().partitions, 3U);
}

TEST_F(FetchSessionsTest, CanBeTurnedOff) {
  machine_.settings().max_fetch_sessions = 0;
  const auto response = machine_.ask(full({part(0), part(1)}), kVersion);
  EXPECT_EQ(response.session_id, 0);
  EXPECT_EQ(indexes_in(response), (Indexes{0, 1}));
}

TEST_F(FetchSessionsTest, HoldABoundedNumberOfPartitions) {
  std::vector<FetchRequest::Partition> many(FetchSessions::kMaxPartitions + 1);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = part(static_cast<std::int32_t>(i));
  EXPECT_EQ(begin(full(many)), 0);
  many.pop_back();
  const auto id = begin(full(many));
  EXPECT_NE(id, 0);
  EXPECT_EQ(stats().partitions, FetchSessions::kMaxPartitions);
  EXPECT_EQ(begin(full({part(0)})), 0) << "there is no room, and nobody is idle";
  FetchRequest more = incremental(id, 1);
  more.topics.push_back(topic_of("others", {part(0)}));
  EXPECT_EQ(error_of(more), KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(stats().partitions, 0U);
}

TEST_F(FetchSessionsTest, DoNotKeepNamesThatNoTopicCanHave) {
  FetchRequest request = full({part(0)});
  request.topics.push_back(topic_of(std::string(30'000, 'x'), {part(0)}));
  const auto response = machine_.ask(request, kVersion);
  EXPECT_EQ(response.session_id, 0);
  EXPECT_EQ(response.responses.at(1).partitions.at(0).error_code, KafkaError::kUnknownTopicOrPartition);

  const auto id = begin(full({part(0)}));
  FetchRequest more = incremental(id, 1);
  more.topics.push_back(topic_of("not a name", {part(0)}));
  EXPECT_EQ(error_of(more), KafkaError::kFetchSessionIdNotFound);
}

TEST_F(FetchSessionsTest, HoldAPartitionOnceHoweverOftenItIsNamed) {
  const auto response = machine_.ask(full({part(1), part(0), part(1)}), kVersion);
  EXPECT_EQ(indexes_in(response), (Indexes{1, 0, 1}));
  EXPECT_EQ(stats().partitions, 2U);
}

TEST(FetchSessions, OfOneShardAreNotThoseOfAnother) {
  BrokerStorage storage;
  BrokerMachineOptions options;
  options.shard_count = 3;
  BrokerMachine machine(storage, options);
  machine.start();
  machine.create_topic("orders", 3);
  std::set<std::int32_t> ids;
  for (std::size_t shard = 0; shard < 3; ++shard) {
    const auto id = machine.ask(full({part(0), part(1), part(2)}), kVersion, shard).session_id;
    ids.insert(id);
    EXPECT_EQ(machine.ask(incremental(id, 1), kVersion, shard).error_code, KafkaError::kNone);
    EXPECT_EQ(machine.ask(incremental(id, 2), kVersion, (shard + 1) % 3).error_code,
              KafkaError::kFetchSessionIdNotFound);
  }
  EXPECT_EQ(ids.size(), 3U);
}

// ---- against full fetches

// What a consumer knows of a partition.
struct Known {
  KafkaError error = KafkaError::kNone;
  Offset high_watermark;
  Offset log_start;
  std::vector<std::string> values;
  bool operator==(const Known&) const = default;
};
using Knowledge = std::map<std::int32_t, Known>;

void learn(Knowledge& knowledge, const FetchResponse& response) {
  for (auto& [index, known] : knowledge) known.values.clear();
  for (const auto& topic : response.responses) {
    for (const auto& told : topic.partitions) {
      Known& known = knowledge[told.partition_index];
      known = {told.error_code, told.high_watermark, told.log_start_offset, values_of(told.records)};
    }
  }
}

TEST_F(FetchSessionsTest, AConsumerInASessionKnowsWhatItWouldKnowFromFullFetches) {
  Random random(20261129);
  std::map<std::int32_t, Offset> wanted = {{0, Offset{0}}, {1, Offset{0}}};
  const auto all_wanted = [&wanted] {
    std::vector<FetchRequest::Partition> parts;
    for (const auto& [index, from] : wanted) parts.push_back(part(index, from));
    return parts;
  };
  Knowledge in_session;
  const auto begun = machine_.ask(full(all_wanted()), kVersion);
  learn(in_session, begun);
  for (std::int32_t epoch = 1; epoch < 400; ++epoch) {
    FetchRequest next = incremental(begun.session_id, epoch);
    const auto index = static_cast<std::int32_t>(random.below(5));  // 3 and 4 are not there
    switch (random.below(4)) {
      case 0: machine_.produce("orders", batch_of({"v" + std::to_string(epoch)}), index % 3); break;
      case 1:
        wanted[index] = Offset{static_cast<std::int64_t>(random.below(8))};
        next.topics.push_back(topic_of("orders", {part(index, wanted[index])}));
        break;
      case 2:
        if (wanted.size() < 2) break;
        wanted.erase(index);
        in_session.erase(index);
        next = forgetting(std::move(next), {index});
        break;
      default: break;
    }
    const auto told = machine_.ask(next, kVersion);
    ASSERT_EQ(told.error_code, KafkaError::kNone) << epoch;
    learn(in_session, told);
    FetchRequest outside = full(all_wanted());
    outside.session_epoch = -1;
    Knowledge outside_of_sessions;
    learn(outside_of_sessions, machine_.ask(outside, kVersion));
    ASSERT_EQ(in_session, outside_of_sessions) << epoch;
  }
}

}  // namespace
}  // namespace penstock::broker::testing
