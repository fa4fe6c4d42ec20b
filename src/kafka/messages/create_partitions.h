// CreatePartitions (37): gives topics more partitions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct CreatePartitionsResponse;

struct CreatePartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;
  static constexpr std::string_view kName = "CreatePartitionsRequest";
  using Response = CreatePartitionsResponse;

  struct Assignment {
    std::vector<std::int32_t> broker_ids{};

    static void fields(auto& io) { io("BrokerIds", &Assignment::broker_ids, {.versions = "0+"}); }
    bool operator==(const Assignment&) const = default;
  };

  struct Topic {
    std::string name{};
    std::int32_t count = 0;  // of all partitions, not of the new ones
    std::optional<std::vector<Assignment>> assignments =
        std::vector<Assignment>();  // of the new ones; null: the server's choice

    static void fields(auto& io) {
      io("Name", &Topic::name, {.versions = "0+"});
      io("Count", &Topic::count, {.versions = "0+"});
      io("Assignments", &Topic::assignments, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics{};
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  static void fields(auto& io) {
    using M = CreatePartitionsRequest;
    io("Topics", &M::topics, {.versions = "0+"});
    io("TimeoutMs", &M::timeout_ms, {.versions = "0+"});
    io("ValidateOnly", &M::validate_only, {.versions = "0+"});
  }
  bool operator==(const CreatePartitionsRequest&) const = default;
};

struct CreatePartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;
  static constexpr std::string_view kName = "CreatePartitionsResponse";

  struct Result {
    std::string name{};
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message{};

    static void fields(auto& io) {
      io("Name", &Result::name, {.versions = "0+"});
      io("ErrorCode", &Result::error_code, {.versions = "0+"});
      io("ErrorMessage", &Result::error_message, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results{};

  static void fields(auto& io) {
    using M = CreatePartitionsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Results", &M::results, {.versions = "0+"});
  }
  bool operator==(const CreatePartitionsResponse&) const = default;
};

}  // namespace penstock::kafka
