// FindCoordinator (10): which broker looks after a group or a transaction. One key up to version 3, a
// list from version 4.
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

enum class CoordinatorKeyType : std::int8_t { kGroup = 0, kTransaction = 1 };

struct FindCoordinatorResponse;

struct FindCoordinatorRequest {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;
  static constexpr std::string_view kName = "FindCoordinatorRequest";
  using Response = FindCoordinatorResponse;

  std::string key{};
  CoordinatorKeyType key_type = CoordinatorKeyType::kGroup;
  std::vector<std::string> coordinator_keys{};

  static void fields(auto& io) {
    using M = FindCoordinatorRequest;
    io("Key", &M::key, {.versions = "0-3"});
    io("KeyType", &M::key_type, {.versions = "1+"});
    io("CoordinatorKeys", &M::coordinator_keys, {.versions = "4+"});
  }
  bool operator==(const FindCoordinatorRequest&) const = default;
};

struct FindCoordinatorResponse {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;
  static constexpr std::string_view kName = "FindCoordinatorResponse";

  struct Coordinator {
    std::string key{};
    std::int32_t node_id = 0;
    std::string host{};
    std::int32_t port = 0;
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message = "";

    static void fields(auto& io) {
      io("Key", &Coordinator::key, {.versions = "4+"});
      io("NodeId", &Coordinator::node_id, {.versions = "4+"});
      io("Host", &Coordinator::host, {.versions = "4+"});
      io("Port", &Coordinator::port, {.versions = "4+"});
      io("ErrorCode", &Coordinator::error_code, {.versions = "4+"});
      io("ErrorMessage", &Coordinator::error_message, {.versions = "4+", .nullable = "4+"});
    }
    bool operator==(const Coordinator&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message = "";
  std::int32_t node_id = 0;
  std::string host{};
  std::int32_t port = 0;
  std::vector<Coordinator> coordinators{};

  static void fields(auto& io) {
    using M = FindCoordinatorResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("ErrorCode", &M::error_code, {.versions = "0-3"});
    io("ErrorMessage", &M::error_message, {.versions = "1-3", .nullable = "1-3"});
    io("NodeId", &M::node_id, {.versions = "0-3"});
    io("Host", &M::host, {.versions = "0-3"});
    io("Port", &M::port, {.versions = "0-3"});
    io("Coordinators", &M::coordinators, {.versions = "4+"});
  }
  bool operator==(const FindCoordinatorResponse&) const = default;
};

}  // namespace penstock::kafka
