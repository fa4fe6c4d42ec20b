// DeleteTopics (20): by name up to version 5; by name or id, in another list, from version 6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct DeleteTopicsResponse;

struct DeleteTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;
  static constexpr std::string_view kName = "DeleteTopicsRequest";
  using Response = DeleteTopicsResponse;

  struct Topic {
    std::optional<std::string> name{};
    Uuid topic_id{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "6+", .nullable = "6+"});
      io("TopicId", &Topic::topic_id, {.versions = "6+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics{};
  std::vector<std::string> topic_names{};
  std::int32_t timeout_ms = 0;

  static void fields(auto& io) {
    using M = DeleteTopicsRequest;
    io("Topics", &M::topics, {.versions = "6+"});
    io("TopicNames", &M::topic_names, {.versions = "0-5"});
    io("TimeoutMs", &M::timeout_ms, {.versions = "0+"});
  }
  bool operator==(const DeleteTopicsRequest&) const = default;
};

struct DeleteTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;
  static constexpr std::string_view kName = "DeleteTopicsResponse";

  struct Topic {
    std::optional<std::string> name = "";
    Uuid topic_id{};
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+", .nullable = "6+"});
      io("TopicId", &Topic::topic_id, {.versions = "6+"});
      io("ErrorCode", &Topic::error_code, {.versions = "0+"});
      io("ErrorMessage", &Topic::error_message, {.versions = "5+", .nullable = "5+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> responses{};

  static void fields(auto& io) {
    using M = DeleteTopicsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("Responses", &M::responses, {.versions = "0+"});
  }
  bool operator==(const DeleteTopicsResponse&) const = default;
};

}  // namespace penstock::kafka
