// Every message at every version, both directions, against bytes from an independent codec.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "kafka/frame.h"
#include "kafka/golden_vectors_for_test.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/consumer_group_describe.h"
#include "kafka/messages/consumer_group_heartbeat.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/describe_transactions.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"
#include "kafka/messages/txn_offset_commit.h"

namespace penstock::kafka {

std::string GoldenVector::name() const { return fmt::format("{} v{} {}", message, version, variant); }

std::vector<std::byte> bytes_from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[at]) * 16 + digit(hex[at + 1])));
  }
  return bytes;
}

const std::vector<GoldenVector>& golden_vectors() {
  static const std::vector<GoldenVector> vectors = [] {
    std::vector<GoldenVector> read;
    std::ifstream file(PENSTOCK_KAFKA_TESTDATA "/golden_vectors.txt");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      GoldenVector vector;
      std::string hex;
      words >> vector.message >> vector.version >> vector.variant >> hex;
      vector.frame = bytes_from_hex(hex);
      read.push_back(std::move(vector));
    }
    return read;
  }();
  return vectors;
}

const GoldenVector& golden_vector(std::string_view message, std::int16_t version,
                                  std::string_view variant) {
  const auto found = std::ranges::find_if(golden_vectors(), [&](const GoldenVector& vector) {
    return vector.message == message && vector.version == version && vector.variant == variant;
  });
  PENSTOCK_ASSERT(found != golden_vectors().end(), "no such golden vector");
  return *found;
}

namespace {

// Calls `use.operator()<Message>()` for the message type of that name.
template <typename... Messages>
struct MessageList {
  static void with(std::string_view name, auto use) {
    const bool found =
        ((Messages::kName == name ? (use.template operator()<Messages>(), true) : false) || ...);
    EXPECT_TRUE(found) << name;
  }
  static void each(auto use) { (use.template operator()<Messages>(), ...); }
};
using AllMessages = MessageList<
    ProduceRequest, ProduceResponse, FetchRequest, FetchResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    JoinGroupRequest, JoinGroupResponse, HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse, ApiVersionsRequest,
    ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    InitProducerIdRequest, InitProducerIdResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, EndTxnRequest,
    EndTxnResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    ListTransactionsRequest, ListTransactionsResponse>;

template <typename Message>
concept Request = requires { typename Message::Response; };

template <typename Message>
struct Decoded {
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id{};
  Message message{};
};

template <typename Message>
Result<Decoded<Message>> decode_frame(ByteView frame, std::int16_t version) {
  Decoded<Message> decoded;
  ByteView body;
  if constexpr (Request<Message>) {
    const auto request = parse_request(frame);
    if (!request.has_value()) return Unexpected(request.error());
    decoded.correlation_id = request->header.correlation_id;
    decoded.client_id = request->header.client_id;
    body = request->body;
  } else {
    const auto response = parse_response(frame, Message::kApi, version);
    if (!response.has_value()) return Unexpected(response.error());
    decoded.correlation_id = response->correlation_id;
    body = response->body;
  }
  Result<Message> message = decode<Message>(body, version);
  if (!message.has_value()) return Unexpected(message.error());
  decoded.message = *std::move(message);
  return decoded;
}

template <typename Message>
std::vector<std::byte> encode_frame(const Decoded<Message>& decoded, std::int16_t version) {
  std::vector<std::byte> frame;
  if constexpr (Request<Message>) {
    frame = encode_request_frame(decoded.message, version, decoded.correlation_id, decoded.client_id)
                .flatten();
  } else {
    frame = encode_response_frame(decoded.message, version, decoded.correlation_id).flatten();
  }
  EXPECT_EQ(parse_frame_size(frame).value(), frame.size() - kFrameSizeBytes);
  frame.erase(frame.begin(), frame.begin() + kFrameSizeBytes);
  return frame;
}

TEST(GoldenVectors, CoverEveryImplementedVersionOfEveryMessage) {
  std::set<std::pair<std::string, std::int16_t>> covered;
  for (const GoldenVector& vector : golden_vectors()) covered.emplace(vector.message, vector.version);
  AllMessages::each([&]<typename Message>() {
    const Versions versions = find_api(Message::kApi)->implemented;
    for (std::int16_t version = versions.first; version <= versions.last; ++version) {
      EXPECT_TRUE(covered.contains({std::string(Message::kName), version}))
          << Message::kName << version;
    }
  });
}

TEST(GoldenVectors, DecodeAndEncodeAgainToTheSameBytes) {
  for (const GoldenVector& vector : golden_vectors()) {
    if (vector.variant == "unknown_tags") continue;
    AllMessages::with(vector.message, [&]<typename Message>() {
      const auto decoded = decode_frame<Message>(vector.frame, vector.version);
      ASSERT_TRUE(decoded.has_value()) << vector.name() << ": " << decoded.error().message();
      EXPECT_EQ(decoded->correlation_id, 1000 + vector.version);
      EXPECT_EQ(encode_frame(*decoded, vector.version), vector.frame) << vector.name();
    });
  }
}

TEST(GoldenVectors, ADefaultMessageEncodesToTheDefaultOfTheDefinitions) {
  for (const GoldenVector& vector : golden_vectors()) {
    if (vector.variant != "default") continue;
    AllMessages::with(vector.message, [&]<typename Message>() {
      const Decoded<Message> defaults{.correlation_id = 1000 + vector.version, .client_id = ""};
      EXPECT_EQ(encode_frame(defaults, vector.version), vector.frame) << vector.name();
      EXPECT_EQ(decode_frame<Message>(vector.frame, vector.version)->message, Message())
          << vector.name();
    });
  }
}

TEST(GoldenVectors, UnknownTagsAreSkippedAndNothingElseChanges) {
  int seen = 0;
  for (const GoldenVector& vector : golden_vectors()) {
    if (vector.variant != "unknown_tags") continue;
    ++seen;
    AllMessages::with(vector.message, [&]<typename Message>() {
      const auto decoded = decode_frame<Message>(vector.frame, vector.version);
      ASSERT_TRUE(decoded.has_value()) << vector.name() << ": " << decoded.error().message();
      EXPECT_EQ(encode_frame(*decoded, vector.version),
                golden_vector(vector.message, vector.version, "full").frame)
          << vector.name();
    });
  }
  EXPECT_GT(seen, 20);
}

TEST(GoldenVectors, TheCountedSizeIsTheEncodedSize) {
  for (const GoldenVector& vector : golden_vectors()) {
    AllMessages::with(vector.message, [&]<typename Message>() {
      const auto decoded = decode_frame<Message>(vector.frame, vector.version);
      ASSERT_TRUE(decoded.has_value()) << vector.name();
      EXPECT_EQ(encoded_size(decoded->message, vector.version),
                encode(decoded->message, vector.version).flatten().size())
          << vector.name();
    });
  }
}

TEST(GoldenVectors, EveryTruncationIsAnErrorThatNamesTheMessage) {
  for (const GoldenVector& vector : golden_vectors()) {
    AllMessages::with(vector.message, [&]<typename Message>() {
      for (std::size_t size = 0; size < vector.frame.size(); ++size) {
        // A copy of exactly this size, so that AddressSanitizer sees a read past it.
        const std::vector<std::byte> prefix(vector.frame.begin(), vector.frame.begin() + size);
        const auto decoded = decode_frame<Message>(prefix, vector.version);
        ASSERT_FALSE(decoded.has_value()) << vector.name() << " cut to " << size;
        EXPECT_EQ(decoded.error().code(), ErrorCode::kCorrupt);
        EXPECT_NE(decoded.error().message().find("field "), std::string::npos);
      }
    });
  }
}

TEST(GoldenVectors, BytesAfterARequestAreIgnoredAndAfterAResponseAnError) {
  for (const GoldenVector& vector : golden_vectors()) {
    AllMessages::with(vector.message, [&]<typename Message>() {
      std::vector<std::byte> longer = vector.frame;
      longer.push_back(std::byte{0});
      const auto decoded = decode_frame<Message>(longer, vector.version);
      ASSERT_EQ(decoded.has_value(), vector.is_request()) << vector.name();
      if (!decoded.has_value()) return;
      const auto exact = decode_frame<Message>(vector.frame, vector.version);
      EXPECT_EQ(decoded->message, exact->message) << vector.name();
    });
  }
}

TEST(GoldenVectors, RandomDamageNeverCrashesAndWhatDecodesEncodesAgain) {
  std::mt19937 random(20240607);
  for (const GoldenVector& vector : golden_vectors()) {
    AllMessages::with(vector.message, [&]<typename Message>() {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::byte> damaged = vector.frame;
        for (std::uint32_t flips = 1 + random() % 3; flips > 0; --flips) {
          damaged[random() % damaged.size()] = static_cast<std::byte>(random());
        }
        const auto decoded = decode_frame<Message>(damaged, vector.version);
        if (!decoded.has_value()) continue;
        const std::vector<std::byte> encoded = encode_frame(*decoded, vector.version);
        const auto again = decode_frame<Message>(encoded, vector.version);
        ASSERT_TRUE(again.has_value()) << vector.name();
        EXPECT_EQ(again->message, decoded->message) << vector.name();
      }
    });
  }
}

TEST(GoldenVectors, AVersionThatIsNotImplementedIsAnErrorOnDecode) {
  AllMessages::each([]<typename Message>() {
    const Versions versions = find_api(Message::kApi)->implemented;
    const auto above = static_cast<std::int16_t>(versions.last + 1);
    EXPECT_EQ(decode<Message>({}, above).error().code(), ErrorCode::kNotSupported);
    if (versions.first == 0) return;
    const auto below = static_cast<std::int16_t>(versions.first - 1);
    EXPECT_EQ(decode<Message>({}, below).error().code(), ErrorCode::kNotSupported);
  });
}

}  // namespace
}  // namespace penstock::kafka
