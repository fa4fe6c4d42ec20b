// DescribeConfigs (32): the settings of topics and of brokers.
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

struct DescribeConfigsResponse;

struct DescribeConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;
  static constexpr std::string_view kName = "DescribeConfigsRequest";
  using Response = DescribeConfigsResponse;

  struct Resource {
    ConfigResourceType resource_type{};
    std::string resource_name{};
    std::optional<std::vector<std::string>> configuration_keys =
        std::vector<std::string>();  // null: all

    static void fields(auto& io) {
      io("ResourceType", &Resource::resource_type, {.versions = "0+"});
      io("ResourceName", &Resource::resource_name, {.versions = "0+"});
      io("ConfigurationKeys", &Resource::configuration_keys, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources{};
  bool include_synonyms = false;
  bool include_documentation = false;

  static void fields(auto& io) {
    using M = DescribeConfigsRequest;
    io("Resources", &M::resources, {.versions = "0+"});
    io("IncludeSynonyms", &M::include_synonyms, {.versions = "1+"});
    io("IncludeDocumentation", &M::include_documentation, {.versions = "3+"});
  }
  bool operator==(const DescribeConfigsRequest&) const = default;
};

struct DescribeConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;
  static constexpr std::string_view kName = "DescribeConfigsResponse";

  struct Synonym {
    std::string name{};
    std::optional<std::string> value = "";
    ConfigSource source{};

    static void fields(auto& io) {
      io("Name", &Synonym::name, {.versions = "1+"});
      io("Value", &Synonym::value, {.versions = "1+", .nullable = "0+"});
      io("Source", &Synonym::source, {.versions = "1+"});
    }
    bool operator==(const Synonym&) const = default;
  };

  struct Config {
    std::string name{};
    std::optional<std::string> value = "";  // null if it is sensitive
    bool read_only = false;
    ConfigSource config_source = ConfigSource::kNotSaid;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms{};  // in order of precedence, the value that holds first
    ConfigType config_type{};
    std::optional<std::string> documentation = "";

    static void fields(auto& io) {
      io("Name", &Config::name, {.versions = "0+"});
      io("Value", &Config::value, {.versions = "0+", .nullable = "0+"});
      io("ReadOnly", &Config::read_only, {.versions = "0+"});
      io("ConfigSource", &Config::config_source, {.versions = "1+"});
      io("IsSensitive", &Config::is_sensitive, {.versions = "0+"});
      io("Synonyms", &Config::synonyms, {.versions = "1+"});
      io("ConfigType", &Config::config_type, {.versions = "3+"});
      io("Documentation", &Config::documentation, {.versions = "3+", .nullable = "0+"});
    }
    bool operator==(const Config&) const = default;
  };

  struct Result {
    KafkaError error_code = KafkaError::kNone;
    std::optional<std::string> error_message = "";
    ConfigResourceType resource_type{};
    std::string resource_name{};
    std::vector<Config> configs{};

    static void fields(auto& io) {
      io("ErrorCode", &Result::error_code, {.versions = "0+"});
      io("ErrorMessage", &Result::error_message, {.versions = "0+", .nullable = "0+"});
      io("ResourceType", &Result::resource_type, {.versions = "0+"});
      io("ResourceName", &Result::resource_name, {.versions = "0+"});
      io("Configs", &Result::configs, {.versions = "0+"});
    }
    bool operator==(const Result&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results{};

  static void fields(auto& io) {
    using M = DescribeConfigsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("Results", &M::results, {.versions = "0+"});
  }
  bool operator==(const DescribeConfigsResponse&) const = default;
};

}  // namespace penstock::kafka
