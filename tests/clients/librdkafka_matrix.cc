// librdkafka_matrix: what librdkafka can do, against a broker: librdkafka_matrix [GTEST FLAG...]
// HOST:PORT
//
// Every test uses topics and groups of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include "rdkafka_admin.h"
#include "rdkafka_client.h"
#include "rdkafka_member.h"

namespace penstock::tests {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;

constexpr int kPartitions = 4;
constexpr int kTimeoutMs = 20'000;
constexpr auto kConditionTimeout = std::chrono::seconds(40);

std::string broker;

struct Message {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::string header;
  std::int64_t offset = -1;
  std::int64_t time_ms = 0;  // 0: now

  bool operator==(const Message&) const = default;
};

void wait_until(const std::function<bool()>& condition, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + kConditionTimeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(fmt::format("{}: not within {} s", what, kConditionTimeout.count()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// Sends messages one after the other, and takes their delivery reports.
class Producer {
 public:
  explicit Producer(const std::map<std::string, std::string>& more = {}) {
    Settings settings;
    settings.set("bootstrap.servers", broker);
    settings.set("message.timeout.ms", std::to_string(kTimeoutMs));
    for (const auto& [key, value] : more) settings.set(key.c_str(), value);
    rd_kafka_conf_set_opaque(settings.get(), this);
    rd_kafka_conf_set_dr_msg_cb(settings.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                                  auto& producer = *static_cast<Producer*>(self);
                                  producer.offsets_.push_back(message->offset);
                                  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                                    producer.error_ = message->err;
                                  }
                                });
    client_ = settings.make_client(RD_KAFKA_PRODUCER);
  }

  void send(const std::string& topic, std::int32_t partition, const Message& message) {
    std::vector<rd_kafka_vu_t> parts;
    const auto add = [&parts](rd_kafka_vtype_t type) -> auto& {
      rd_kafka_vu_t& part = parts.emplace_back();
      part.vtype = type;
      return part.u;
    };
    const auto add_bytes = [&add](rd_kafka_vtype_t type, const std::optional<std::string>& text) {
      if (text) add(type).mem = {const_cast<char*>(text->data()), text->size()};
    };
    add(RD_KAFKA_VTYPE_TOPIC).cstr = topic.c_str();
    add(RD_KAFKA_VTYPE_PARTITION).i32 = partition;
    add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
    add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = message.time_ms;
    add(RD_KAFKA_VTYPE_HEADER).header = {"h", message.header.data(),
                                         static_cast<ssize_t>(message.header.size())};
    add_bytes(RD_KAFKA_VTYPE_KEY, message.key);
    add_bytes(RD_KAFKA_VTYPE_VALUE, message.value);
    rd_kafka_error_t* const error = rd_kafka_produceva(client_.get(), parts.data(), parts.size());
    if (error != nullptr) throw std::runtime_error(rd_kafka_error_string(error));
  }

  // The first error of what was sent since the last call; offsets() are then what was given.
  rd_kafka_resp_err_t flush() {
    rd_kafka_flush(client_.get(), kTimeoutMs);
    return std::exchange(error_, RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  const std::vector<std::int64_t>& offsets() const { return offsets_; }

  // Transactions, for a producer with a transactional.id. Each gives the code of its error.
  rd_kafka_resp_err_t init_transactions() {
    return code_of(rd_kafka_init_transactions(client_.get(), kTimeoutMs));
  }
  rd_kafka_resp_err_t begin() { return code_of(rd_kafka_begin_transaction(client_.get())); }
  rd_kafka_resp_err_t commit() {
    return code_of(rd_kafka_commit_transaction(client_.get(), kTimeoutMs));
  }
  rd_kafka_resp_err_t abort() { return code_of(rd_kafka_abort_transaction(client_.get(), kTimeoutMs)); }
  rd_kafka_resp_err_t send_offset(const std::string& group, const std::string& topic,
                                  std::int64_t offset) {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = offset;
    rd_kafka_consumer_group_metadata_t* const metadata =
        rd_kafka_consumer_group_metadata_new(group.c_str());
    const rd_kafka_resp_err_t code =
        code_of(rd_kafka_send_offsets_to_transaction(client_.get(), list.get(), metadata, kTimeoutMs));
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return code;
  }

 private:
  static rd_kafka_resp_err_t code_of(rd_kafka_error_t* error) {
    if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
  }

  std::vector<std::int64_t> offsets_;
  rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  Kafka client_;
};

Message taken_from(const rd_kafka_message_t& read) {
  Message message{.key = {}, .value = {}, .header = {}, .offset = read.offset, .time_ms = 0};
  if (read.key != nullptr) message.key.emplace(static_cast<const char*>(read.key), read.key_len);
  if (read.payload != nullptr) message.value.emplace(static_cast<const char*>(read.payload), read.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&read, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const void* value = nullptr;
    std::size_t size = 0;
    rd_kafka_header_get_last(headers, "h", &value, &size);
    message.header.assign(static_cast<const char*>(value), size);
  }
  return message;
}

// Reads partition 0 from its beginning to its end.
std::vector<Message> read_all(const std::string& topic, const char* isolation = "read_committed") {
  Settings settings;
  settings.set("bootstrap.servers", broker);
  settings.set("group.id", "not-joined");
  settings.set("enable.auto.commit", "false");
  settings.set("enable.partition.eof", "true");
  settings.set("auto.offset.reset", "earliest");
  settings.set("check.crcs", "true");
  settings.set("isolation.level", isolation);
  const Kafka client = settings.make_client(RD_KAFKA_CONSUMER);
  rd_kafka_poll_set_consumer(client.get());
  const PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(client.get(), list.get());
  std::vector<Message> messages;
  while (true) {
    rd_kafka_message_t* const read = rd_kafka_consumer_poll(client.get(), kTimeoutMs);
    if (read == nullptr) throw std::runtime_error(fmt::format("{} is not read to its end", topic));
    const rd_kafka_resp_err_t error = read->err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) messages.push_back(taken_from(*read));
    rd_kafka_message_destroy(read);
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw std::runtime_error(fmt::format("reading {}: {}", topic, rd_kafka_err2str(error)));
    }
  }
  rd_kafka_consumer_close(client.get());
  return messages;
}

class Librdkafka : public testing::Test {
 protected:
  // A topic named after the test.
  std::string new_topic(int partitions = kPartitions) {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    std::string topic = fmt::format("librdkafka-{}-{}", test->name(), ++topics_made_);
    std::ranges::replace(topic, '/', '-');
    EXPECT_EQ(admin_.create_topic(topic, partitions), RD_KAFKA_RESP_ERR_NO_ERROR);
    return topic;
  }

  // Sends `from` to `from` + `count` - 1 as values, in turn to all partitions.
  void send_numbers(const std::string& topic, int from, int count) {
    Producer producer;
    for (int i = from; i < from + count; ++i) {
      producer.send(topic, i % kPartitions, {.key = {}, .value = std::to_string(i), .header = {}});
    }
    EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  static MemberOptions member_of(const std::string& topic,
                                 std::map<std::string, std::string> settings = {}) {
    return {
        .broker = broker, .group = topic + "-group", .topic = topic, .settings = std::move(settings)};
  }

  static void wait_for_shares(const std::vector<const RdkafkaMember*>& members) {
    wait_until(
        [&] {
          std::set<std::int32_t> all;
          for (const RdkafkaMember* const member : members) {
            const std::set<std::int32_t> share = member->partitions();
            if (share.size() != kPartitions / members.size()) return false;
            all.insert(share.begin(), share.end());
          }
          return all.size() == kPartitions;
        },
        fmt::format("fair shares for {} members", members.size()));
  }

  static void wait_for_numbers(std::size_t count, const std::vector<const RdkafkaMember*>& members) {
    wait_until(
        [&] {
          std::set<std::string> all;
          for (const RdkafkaMember* const member : members) all.merge(member->values());
          return all.size() == count;
        },
        fmt::format("{} numbers for {} members", count, members.size()));
  }

  RdkafkaAdmin admin_{broker};
  int topics_made_ = 0;
};

// Produce and consume.

class LibrdkafkaCodec : public Librdkafka, public testing::WithParamInterface<const char*> {};

TEST_P(LibrdkafkaCodec, MessagesComeBackAsTheyWereSent) {
  const std::string topic = new_topic(1);
  std::vector<Message> sent;
  constexpr int kCount = 2000;
  for (int i = 0; i < kCount; ++i) {
    Message message{.key = {}, .value = {}, .header = std::to_string(i), .offset = i};
    if (i % 3 != 0) message.key = fmt::format("key-{}", i);
    if (i % 7 != 0) message.value = std::string(static_cast<std::size_t>(i % 500), 'x');
    sent.push_back(message);
  }
  Producer producer({{"compression.codec", GetParam()}, {"linger.ms", "5"}});
  for (const Message& message : sent) producer.send(topic, 0, message);
  EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(producer.offsets().size(), sent.size());
  EXPECT_TRUE(std::ranges::is_sorted(producer.offsets()));
  EXPECT_EQ(read_all(topic), sent);
}

INSTANTIATE_TEST_SUITE_P(Codecs, LibrdkafkaCodec,
                         testing::Values("none", "gzip", "snappy", "lz4", "zstd"),
                         [](const auto& codec) { return std::string(codec.param); });

TEST_F(Librdkafka, EveryValueOfAcksIsTaken) {
  const std::string topic = new_topic(1);
  for (const char* const acks : {"0", "1", "all"}) {
    Producer producer({{"acks", acks}});
    producer.send(topic, 0, {.key = {}, .value = acks, .header = {}});
    EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  wait_until([&] { return admin_.ends(topic, 0).second == 3; }, "3 messages");
}

TEST_F(Librdkafka, ABatchThatIsTooLargeIsRefused) {
  const std::string topic = new_topic(1);
  Producer producer({{"message.max.bytes", "8000000"}});
  producer.send(topic, 0, {.key = {}, .value = std::string(2 << 20, 'x'), .header = {}});
  EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  producer.send(topic, 0, {.key = {}, .value = "the producer is still good", .header = {}});
  EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST_F(Librdkafka, OffsetsAreFoundByTime) {
  const std::string topic = new_topic(1);
  Producer producer;
  for (const std::int64_t time : {1'000'000, 3'000'000, 2'000'000}) {
    producer.send(topic, 0, {.key = {}, .value = "x", .header = {}, .offset = -1, .time_ms = time});
    EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  EXPECT_EQ(admin_.offset_at(topic, 0, 5), 0);
  EXPECT_EQ(admin_.offset_at(topic, 0, 1'000'001), 1);
  EXPECT_EQ(admin_.offset_at(topic, 0, 3'000'001), RD_KAFKA_OFFSET_END);
  EXPECT_EQ(admin_.ends(topic, 0), std::pair(0L, 3L));
}

// Consumer groups.

class LibrdkafkaGroup : public Librdkafka, public testing::WithParamInterface<const char*> {};

TEST_P(LibrdkafkaGroup, MembersShareATopicAsTheyJoinLeaveAndDie) {
  const std::string topic = new_topic();
  const MemberOptions options = member_of(topic, {{"partition.assignment.strategy", GetParam()}});
  send_numbers(topic, 0, 40);
  RdkafkaMember first(options);
  wait_for_shares({&first});
  RdkafkaMember second(options);
  wait_for_shares({&first, &second});
  send_numbers(topic, 40, 40);
  wait_for_numbers(80, {&first, &second});

  second.die();
  wait_for_shares({&first});
  RdkafkaMember third(options);
  wait_for_shares({&first, &third});
  first.leave();
  wait_for_shares({&third});
  send_numbers(topic, 80, 40);
  wait_for_numbers(120, {&first, &second, &third});
}

INSTANTIATE_TEST_SUITE_P(Assignors, LibrdkafkaGroup,
                         testing::Values("range", "roundrobin", "cooperative-sticky"),
                         [](const auto& assignor) {
                           std::string name = assignor.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(Librdkafka, ManyMembersJoinAtOnceAndHalfOfThemDie) {
  const std::string topic = new_topic();
  std::vector<std::unique_ptr<RdkafkaMember>> members;
  for (int i = 0; i < kPartitions; ++i) {
    members.push_back(std::make_unique<RdkafkaMember>(member_of(topic)));
  }
  const auto everybody = [&] {
    std::vector<const RdkafkaMember*> all;
    for (const auto& member : members) all.push_back(member.get());
    return all;
  };
  wait_for_shares(everybody());
  send_numbers(topic, 0, 100);
  wait_for_numbers(100, everybody());
  members[1]->die();
  members[3]->die();
  wait_for_shares({members[0].get(), members[2].get()});
  send_numbers(topic, 100, 100);
  wait_for_numbers(200, everybody());
}

TEST_F(Librdkafka, AStaticMemberReturnsWithoutARebalance) {
  const std::string topic = new_topic();
  const auto static_member = [&](const char* instance) {
    return std::make_unique<RdkafkaMember>(
        member_of(topic, {{"group.instance.id", instance}, {"session.timeout.ms", "30000"}}));
  };
  const auto first = static_member("one");
  auto second = static_member("two");
  wait_for_shares({first.get(), second.get()});
  const std::set<std::int32_t> share = second->partitions();
  const int rebalances = first->rebalances();

  second->die();
  second = static_member("two");
  wait_for_shares({first.get(), second.get()});
  EXPECT_EQ(second->partitions(), share);
  second->leave();
  second = static_member("two");
  wait_for_shares({first.get(), second.get()});
  EXPECT_EQ(second->partitions(), share);
  EXPECT_EQ(first->rebalances(), rebalances);
  send_numbers(topic, 0, 40);
  wait_for_numbers(40, {first.get(), second.get()});
}

TEST_F(Librdkafka, AStaticMemberIsFencedByItsDouble) {
  const std::string topic = new_topic();
  const MemberOptions options = member_of(topic, {{"group.instance.id", "one"}});
  RdkafkaMember first(options);
  wait_for_shares({&first});
  RdkafkaMember twin(options);
  wait_for_shares({&twin});
  wait_until([&] { return first.fatal_error() != RD_KAFKA_RESP_ERR_NO_ERROR; }, "the fence");
  EXPECT_EQ(first.fatal_error(), RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
  first.die();
}

// Idempotence and transactions.

std::vector<std::string> values_of(const std::vector<Message>& messages) {
  std::vector<std::string> values;
  for (const Message& message : messages) values.push_back(message.value.value_or(""));
  return values;
}

TEST_F(Librdkafka, AnIdempotentProducerKeepsItsOrder) {
  const std::string topic = new_topic(1);
  Producer producer({{"enable.idempotence", "true"}, {"batch.num.messages", "20"}});
  std::vector<std::string> sent;
  for (int i = 0; i < 5000; ++i) {
    sent.push_back(std::to_string(i));
    producer.send(topic, 0, {.key = {}, .value = sent.back(), .header = {}});
  }
  EXPECT_EQ(producer.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(values_of(read_all(topic)), sent);
}

TEST_F(Librdkafka, ATransactionIsSeenWholeOrNotAtAll) {
  const std::string first = new_topic(1);
  const std::string second = new_topic(1);
  const std::string group = first + "-group";
  Producer producer({{"transactional.id", first}});
  ASSERT_EQ(producer.init_transactions(), RD_KAFKA_RESP_ERR_NO_ERROR);
  std::int64_t offset = 0;
  for (const char* const value : {"kept", "dropped", "kept too"}) {
    ASSERT_EQ(producer.begin(), RD_KAFKA_RESP_ERR_NO_ERROR);
    producer.send(first, 0, {.key = {}, .value = value, .header = {}});
    producer.send(second, 0, {.key = {}, .value = value, .header = {}});
    ASSERT_EQ(producer.send_offset(group, first, ++offset), RD_KAFKA_RESP_ERR_NO_ERROR);
    const bool is_kept = value != std::string_view("dropped");
    ASSERT_EQ(is_kept ? producer.commit() : producer.abort(), RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_THAT(admin_.offsets_of_group(group, first), ElementsAre(Pair(0, is_kept ? offset : 1)));
  }
  for (const std::string& topic : {first, second}) {
    EXPECT_THAT(values_of(read_all(topic)), ElementsAre("kept", "kept too"));
  }
  // librdkafka sends what was not yet on its way when a transaction is aborted not at all.
  EXPECT_THAT(values_of(read_all(first, "read_uncommitted")), IsSupersetOf({"kept", "kept too"}));
}

TEST_F(Librdkafka, AProducerIsFencedByItsSuccessor) {
  const std::string topic = new_topic(1);
  Producer first({{"transactional.id", topic}});
  ASSERT_EQ(first.init_transactions(), RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_EQ(first.begin(), RD_KAFKA_RESP_ERR_NO_ERROR);
  first.send(topic, 0, {.key = {}, .value = "of the first", .header = {}});
  EXPECT_EQ(first.flush(), RD_KAFKA_RESP_ERR_NO_ERROR);
  Producer second({{"transactional.id", topic}});
  ASSERT_EQ(second.init_transactions(), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(first.commit(), RD_KAFKA_RESP_ERR__FENCED);
  ASSERT_EQ(second.begin(), RD_KAFKA_RESP_ERR_NO_ERROR);
  second.send(topic, 0, {.key = {}, .value = "of the second", .header = {}});
  EXPECT_EQ(second.commit(), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(values_of(read_all(topic)), ElementsAre("of the second"));
  EXPECT_THAT(values_of(read_all(topic, "read_uncommitted")),
              ElementsAre("of the first", "of the second"));
}

// Administration.

TEST_F(Librdkafka, TopicsAreCreatedListedAndDeleted) {
  const std::string topic = new_topic(3);
  EXPECT_THAT(admin_.list_topics(), Contains(Pair(topic, 3)));
  EXPECT_EQ(admin_.create_topic(topic, 1), RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
  EXPECT_EQ(admin_.create_topic("librdkafka/bad", 1), RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
  EXPECT_EQ(admin_.create_topic(topic + "-2", 1, {{"retention.ms", "a while"}}),
            RD_KAFKA_RESP_ERR_INVALID_CONFIG);
  EXPECT_EQ(admin_.delete_topic(topic), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(admin_.delete_topic(topic), RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  EXPECT_THAT(admin_.list_topics(), Not(Contains(Pair(topic, testing::_))));
}

TEST_F(Librdkafka, GroupsAreListedDescribedAndDeletedUnlessTheyHaveMembers) {
  const std::string topic = new_topic();
  const MemberOptions options = member_of(topic);
  RdkafkaMember member(options);
  wait_for_shares({&member});
  EXPECT_THAT(admin_.list_groups(), Contains(options.group));
  const GroupDescription described = admin_.describe_group(options.group);
  EXPECT_EQ(described.state, "Stable");
  EXPECT_THAT(described.client_ids, ElementsAre("member"));
  EXPECT_EQ(described.assigned_partitions, kPartitions);
  EXPECT_EQ(admin_.delete_group(options.group), RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP);
  member.leave();
  EXPECT_EQ(admin_.delete_group(options.group), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(admin_.delete_group(options.group), RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND);
  EXPECT_THAT(admin_.list_groups(), Not(Contains(options.group)));
}

TEST_F(Librdkafka, TheOffsetsOfAGroupAreSetListedAndDeleted) {
  const std::string topic = new_topic();
  const MemberOptions options = member_of(topic);
  EXPECT_EQ(admin_.set_offset(options.group, topic, 1, 7), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(admin_.set_offset(options.group, topic, 2, 8), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(admin_.offsets_of_group(options.group, topic), ElementsAre(Pair(1, 7), Pair(2, 8)));
  EXPECT_EQ(admin_.delete_offset(options.group, topic, 2), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(admin_.offsets_of_group(options.group, topic), ElementsAre(Pair(1, 7)));
  send_numbers(topic, 0, 40);
  RdkafkaMember member(options);
  // Partition 1 from its eighth message on, the others from their first.
  wait_for_numbers(33, {&member});
  EXPECT_THAT(member.values(), IsSupersetOf({"29", "33", "37"}));
  EXPECT_EQ(admin_.delete_offset(options.group, topic, 1), RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC);
  member.leave();
  EXPECT_THAT(admin_.offsets_of_group(options.group, topic),
              ElementsAre(Pair(0, 10), Pair(1, 10), Pair(2, 10), Pair(3, 10)));
}

TEST_F(Librdkafka, RecordsAreDeletedUpToAnOffset) {
  const std::string topic = new_topic();
  send_numbers(topic, 0, 40);
  EXPECT_EQ(admin_.delete_records(topic, 0, 6), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(admin_.ends(topic, 0), std::pair(6L, 10L));
  EXPECT_EQ(read_all(topic).front().offset, 6);
  EXPECT_EQ(admin_.delete_records(topic, 0, 1000), RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
}

}  // namespace
}  // namespace penstock::tests

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    fmt::print(stderr, "use: librdkafka_matrix [GTEST FLAG...] HOST:PORT\n");
    return 2;
  }
  penstock::tests::broker = argv[1];
  fmt::print("librdkafka {}\n", rd_kafka_version_str());
  return RUN_ALL_TESTS();
}
