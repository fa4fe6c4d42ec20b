// AlterConfigs (33): replaces all settings of topics or brokers. What is not named goes back to its
// default; IncrementalAlterConfigs leaves it alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/configs.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct AlterConfigsResponse;

struct AlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kAlterConfigs;
  static constexpr std::string_view kName = "AlterConfigsRequest";
  using Response = AlterConfigsResponse;

  struct Config {
    std::string name{};
    std::optional<std::string> value = "";

    static void fields(auto& io) {
      io("Name", &Config::name, {.versions = "0+"});
      io("Value", &Config::value, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    ConfigResourceType resource_type{};
    std::string resource_name{};
    std::vector<Config> configs{};

    static void fields(auto& io) {
      io("ResourceType", &Resource::resource_type, {.versions = "0+"});
      io("ResourceName", &Resource::resource_name, {.versions = "0+"});
      io("Configs", &Resource::configs, {.versions = "0+"});
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources{};
  bool validate_only = false;

  static void fields(auto& io) {
    using M = AlterConfigsRequest;
    io("Resources", &M::resources, {.versions = "0+"});
    io("ValidateOnly", &M::validate_only, {.versions = "0+"});
  }
  bool operator==(const AlterConfigsRequest&) const = default;
};

struct AlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kAlterConfigs;
  static constexpr std::string_view kName = "AlterConfigsResponse";

  struct ResourceResponse {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message = "";
    ConfigResourceType resource_type{};
    std::string resource_name{};

    static void fields(auto& io) {
      io("ErrorCode", &ResourceResponse::error_code, {.versions = "0+"});
      io("ErrorMessage", &ResourceResponse::error_message, {.versions = "0+", .nullable = "0+"});
      io("ResourceType", &ResourceResponse::resource_type, {.versions = "0+"});
      io("ResourceName", &ResourceResponse::resource_name, {.versions = "0+"});
    }
    bool operator==(const ResourceResponse&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<ResourceResponse> responses{};

  static void fields(auto& io) {
    using M = AlterConfigsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Responses", &M::responses, {.versions = "0+"});
  }
  bool operator==(const AlterConfigsResponse&) const = default;
};

}  // namespace penstock::kafka
