// ConsumerGroupDescribe (69): the state, the members and the assignment of groups of the new protocol
// (KIP-848).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/metadata.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct ConsumerGroupDescribeResponse;

struct ConsumerGroupDescribeRequest {
  static constexpr ApiKey kApi = ApiKey::kConsumerGroupDescribe;
  static constexpr std::string_view kName = "ConsumerGroupDescribeRequest";
  using Response = ConsumerGroupDescribeResponse;

  std::vector<std::string> group_ids{};
  bool include_authorized_operations = false;

  static void fields(auto& io) {
    using M = ConsumerGroupDescribeRequest;
    io("GroupIds", &M::group_ids, {.versions = "0+"});
    io("IncludeAuthorizedOperations", &M::include_authorized_operations, {.versions = "0+"});
  }
  bool operator==(const ConsumerGroupDescribeRequest&) const = default;
};

struct ConsumerGroupDescribeResponse {
  static constexpr ApiKey kApi = ApiKey::kConsumerGroupDescribe;
  static constexpr std::string_view kName = "ConsumerGroupDescribeResponse";

  struct TopicPartitions {
    Uuid topic_id{};
    std::string topic_name{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("TopicId", &TopicPartitions::topic_id, {.versions = "0+"});
      io("TopicName", &TopicPartitions::topic_name, {.versions = "0+"});
      io("Partitions", &TopicPartitions::partitions, {.versions = "0+"});
    }
    bool operator==(const TopicPartitions&) const = default;
  };

  struct Assignment {
    std::vector<TopicPartitions> topic_partitions{};

    static void fields(auto& io) {
      io("TopicPartitions", &Assignment::topic_partitions, {.versions = "0+"});
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Member {
    std::string member_id{};
    std::optional<std::string> instance_id{};
    std::optional<std::string> rack_id{};
    std::int32_t member_epoch = 0;
    std::string client_id{};
    std::string client_host{};
    std::vector<std::string> subscribed_topic_names{};
    std::optional<std::string> subscribed_topic_regex{};
    Assignment assignment{};         // what the member has
    Assignment target_assignment{};  // what it is to have

    static void fields(auto& io) {
      io("MemberId", &Member::member_id, {.versions = "0+"});
      io("InstanceId", &Member::instance_id, {.versions = "0+", .nullable = "0+"});
      io("RackId", &Member::rack_id, {.versions = "0+", .nullable = "0+"});
      io("MemberEpoch", &Member::member_epoch, {.versions = "0+"});
      io("ClientId", &Member::client_id, {.versions = "0+"});
      io("ClientHost", &Member::client_host, {.versions = "0+"});
      io("SubscribedTopicNames", &Member::subscribed_topic_names, {.versions = "0+"});
      io("SubscribedTopicRegex", &Member::subscribed_topic_regex, {.versions = "0+", .nullable = "0+"});
      io("Assignment", &Member::assignment, {.versions = "0+"});
      io("TargetAssignment", &Member::target_assignment, {.versions = "0+"});
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message{};
    std::string group_id{};
    std::string group_state{};  // for example "Stable"
    std::int32_t group_epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::string assignor_name{};
    std::vector<Member> members{};
    std::int32_t authorized_operations = kOperationsNotAsked;

    static void fields(auto& io) {
      io("ErrorCode", &Group::error_code, {.versions = "0+"});
      io("ErrorMessage", &Group::error_message, {.versions = "0+", .nullable = "0+"});
      io("GroupId", &Group::group_id, {.versions = "0+"});
      io("GroupState", &Group::group_state, {.versions = "0+"});
      io("GroupEpoch", &Group::group_epoch, {.versions = "0+"});
      io("AssignmentEpoch", &Group::assignment_epoch, {.versions = "0+"});
      io("AssignorName", &Group::assignor_name, {.versions = "0+"});
      io("Members", &Group::members, {.versions = "0+"});
      io("AuthorizedOperations", &Group::authorized_operations, {.versions = "0+"});
    }
    bool operator==(const Group&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Group> groups{};

  static void fields(auto& io) {
    using M = ConsumerGroupDescribeResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Groups", &M::groups, {.versions = "0+"});
  }
  bool operator==(const ConsumerGroupDescribeResponse&) const = default;
};

}  // namespace penstock::kafka
