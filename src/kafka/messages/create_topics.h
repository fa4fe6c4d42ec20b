// CreateTopics (19).
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

struct CreateTopicsResponse;

struct CreateTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;
  static constexpr std::string_view kName = "CreateTopicsRequest";
  using Response = CreateTopicsResponse;

  struct Assignment {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> broker_ids{};

    static void fields(auto& io) {
      io("PartitionIndex", &Assignment::partition_index, {.versions = "0+"});
      io("BrokerIds", &Assignment::broker_ids, {.versions = "0+"});
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Config {
    std::string name{};
    std::optional<std::string> value = "";

    static void fields(auto& io) {
      io("Name", &Config::name, {.versions = "0+"});
      io("Value", &Config::value, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string name{};
    std::int32_t num_partitions = 0;      // -1: the server's default, or as assigned
    std::int16_t replication_factor = 0;  // -1: the server's default, or as assigned
    std::vector<Assignment> assignments{};
    std::vector<Config> configs{};

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("NumPartitions", &Topic::num_partitions, {.versions = "0+"});
      io("ReplicationFactor", &Topic::replication_factor, {.versions = "0+"});
      io("Assignments", &Topic::assignments, {.versions = "0+"});
      io("Configs", &Topic::configs, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics{};
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static void fields(auto& io) {
    using M = CreateTopicsRequest;
    io("Topics", &M::topics, {.versions = "0+"});
    io("timeoutMs", &M::timeout_ms, {.versions = "0+"});
    io("validateOnly", &M::validate_only, {.versions = "1+"});
  }
  bool operator==(const CreateTopicsRequest&) const = default;
};

struct CreateTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;
  static constexpr std::string_view kName = "CreateTopicsResponse";

  struct Config {
    std::string name{};
    std::optional<std::string> value = "";
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;

    static void fields(auto& io) {
      io("Name", &Config::name, {.versions = "5+"});
      io("Value", &Config::value, {.versions = "5+", .nullable = "5+"});
      io("ReadOnly", &Config::read_only, {.versions = "5+"});
      io("ConfigSource", &Config::config_source, {.versions = "5+"});
      io("IsSensitive", &Config::is_sensitive, {.versions = "5+"});
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string name{};
    Uuid topic_id{};
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message = "";
    KafkaError topic_config_error_code = KafkaError::kNone;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs = std::vector<Config>();

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("TopicId", &Topic::topic_id, {.versions = "7+"});
      io("ErrorCode", &Topic::error_code, {.versions = "0+"});
      io("ErrorMessage", &Topic::error_message, {.versions = "1+", .nullable = "0+"});
      io("TopicConfigErrorCode", &Topic::topic_config_error_code, {.versions = "5+", .tag = 0});
      io("NumPartitions", &Topic::num_partitions, {.versions = "5+"});
      io("ReplicationFactor", &Topic::replication_factor, {.versions = "5+"});
      io("Configs", &Topic::configs, {.versions = "5+", .nullable = "5+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics{};

  static void fields(auto& io) {
    using M = CreateTopicsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "2+"});
    io("Topics", &M::topics, {.versions = "0+"});
  }
  bool operator==(const CreateTopicsResponse&) const = default;
};

}  // namespace penstock::kafka
