// What the catalog holds of groups of the new protocol: one record per group, one per member.
//
// docs/format.md, "The catalog", is the specification. A record that was written by a newer version is
// refused, not guessed at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "group/assignment.h"
#include "group/records.h"

namespace penstock::group {

struct ConsumerGroupRecord {
  static constexpr std::string_view kName = "ConsumerGroupRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  std::int32_t epoch = 0;             // grows with each change of members, subscriptions and topics
  std::int32_t assignment_epoch = 0;  // the one that the members' targets were computed for
  std::int64_t changed_ms = -1;       // when it last became empty, milliseconds since 1970
  // Of the topics that the targets were computed for: whether they have changed since.
  std::int64_t topics_digest = 0;

  static void fields(auto& io) {
    using M = ConsumerGroupRecord;
    io("Epoch", &M::epoch, {.versions = "0+"});
    io("AssignmentEpoch", &M::assignment_epoch, {.versions = "0+"});
    io("ChangedMs", &M::changed_ms, {.versions = "0+"});
    io("TopicsDigest", &M::topics_digest, {.versions = "0+"});
  }
  bool operator==(const ConsumerGroupRecord&) const = default;
};

struct AssignedTopicRecord {
  kafka::Uuid topic_id{};
  std::vector<std::int32_t> partitions{};

  static void fields(auto& io) {
    using M = AssignedTopicRecord;
    io("TopicId", &M::topic_id, {.versions = "0+"});
    io("Partitions", &M::partitions, {.versions = "0+"});
  }
  bool operator==(const AssignedTopicRecord&) const = default;
};

struct ConsumerMemberRecord {
  static constexpr std::string_view kName = "ConsumerMemberRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  std::optional<std::string> instance_id{};
  std::optional<std::string> rack_id{};
  std::string client_id{};
  std::string client_host{};
  std::int64_t rebalance_timeout_ms = 0;
  std::vector<std::string> topic_names{};
  std::optional<std::string> assignor{};
  std::int32_t epoch = 0;
  std::int32_t previous_epoch = 0;
  std::vector<AssignedTopicRecord> target{};
  std::vector<AssignedTopicRecord> assigned{};
  std::vector<AssignedTopicRecord> unconfirmed{};  // of what is assigned
  std::vector<AssignedTopicRecord> revoking{};

  static void fields(auto& io) {
    using M = ConsumerMemberRecord;
    io("InstanceId", &M::instance_id, {.versions = "0+", .nullable = "0+"});
    io("RackId", &M::rack_id, {.versions = "0+", .nullable = "0+"});
    io("ClientId", &M::client_id, {.versions = "0+"});
    io("ClientHost", &M::client_host, {.versions = "0+"});
    io("RebalanceTimeoutMs", &M::rebalance_timeout_ms, {.versions = "0+"});
    io("TopicNames", &M::topic_names, {.versions = "0+"});
    io("Assignor", &M::assignor, {.versions = "0+", .nullable = "0+"});
    io("Epoch", &M::epoch, {.versions = "0+"});
    io("PreviousEpoch", &M::previous_epoch, {.versions = "0+"});
    io("Target", &M::target, {.versions = "0+"});
    io("Assigned", &M::assigned, {.versions = "0+"});
    io("Unconfirmed", &M::unconfirmed, {.versions = "0+"});
    io("Revoking", &M::revoking, {.versions = "0+"});
  }
  bool operator==(const ConsumerMemberRecord&) const = default;
};

inline constexpr std::string_view kConsumerGroupPrefix = "c";
inline constexpr std::string_view kConsumerMemberPrefix = "m";

std::string consumer_group_key(std::string_view group);
std::string consumer_member_key(std::string_view group, std::string_view member);
// What all keys of a group's members begin with, and nobody else's.
std::string consumer_member_prefix(std::string_view group);

struct ConsumerMemberKey {
  std::string group;
  std::string member;
  friend auto operator<=>(const ConsumerMemberKey&, const ConsumerMemberKey&) = default;
};
// kCorrupt: not such a key.
Result<std::string> decode_consumer_group_key(std::string_view key);
Result<ConsumerMemberKey> decode_consumer_member_key(std::string_view key);

std::string encode(const ConsumerGroupRecord& record);
std::string encode(const ConsumerMemberRecord& record);
// kCorrupt; kNotSupported (of a newer version).
Result<ConsumerGroupRecord> decode_consumer_group(std::string_view value);
Result<ConsumerMemberRecord> decode_consumer_member(std::string_view value);

std::vector<AssignedTopicRecord> to_records(const Assignment& assignment);
Assignment from_records(const std::vector<AssignedTopicRecord>& records);

}  // namespace penstock::group
