// ApiVersions (18): which APIs the server speaks, in which versions. Every client's first request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct ApiVersionsResponse;

struct ApiVersionsRequest {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;
  static constexpr std::string_view kName = "ApiVersionsRequest";
  using Response = ApiVersionsResponse;

  std::string client_software_name{};
  std::string client_software_version{};

  static void fields(auto& io) {
    io("ClientSoftwareName", &ApiVersionsRequest::client_software_name, {.versions = "3+"});
    io("ClientSoftwareVersion", &ApiVersionsRequest::client_software_version, {.versions = "3+"});
  }
  bool operator==(const ApiVersionsRequest&) const = default;
};

// The answer to a version that the server does not have is version 0 of this, with error
// kUnsupportedVersion and the range of ApiVersions itself.
struct ApiVersionsResponse {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;
  static constexpr std::string_view kName = "ApiVersionsResponse";

  struct ApiVersion {
    ApiKey api_key{};
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& io) {
      io("ApiKey", &ApiVersion::api_key, {.versions = "0+"});
      io("MinVersion", &ApiVersion::min_version, {.versions = "0+"});
      io("MaxVersion", &ApiVersion::max_version, {.versions = "0+"});
    }
    bool operator==(const ApiVersion&) const = default;
  };

  struct SupportedFeature {
    std::string name{};
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& io) {
      io("Name", &SupportedFeature::name, {.versions = "3+"});
      io("MinVersion", &SupportedFeature::min_version, {.versions = "3+"});
      io("MaxVersion", &SupportedFeature::max_version, {.versions = "3+"});
    }
    bool operator==(const SupportedFeature&) const = default;
  };

  struct FinalizedFeature {
    std::string name{};
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;

    static void fields(auto& io) {
      io("Name", &FinalizedFeature::name, {.versions = "3+"});
      io("MaxVersionLevel", &FinalizedFeature::max_version_level, {.versions = "3+"});
      io("MinVersionLevel", &FinalizedFeature::min_version_level, {.versions = "3+"});
    }
    bool operator==(const FinalizedFeature&) const = default;
  };

  KafkaError error_code = KafkaError::kNone;
  std::vector<ApiVersion> api_keys{};
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features{};
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features{};
  bool zk_migration_ready = false;

  static void fields(auto& io) {
    using M = ApiVersionsResponse;
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ApiKeys", &M::api_keys, {.versions = "0+"});
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "1+"});
    io("SupportedFeatures", &M::supported_features, {.versions = "3+", .tag = 0});
    io("FinalizedFeaturesEpoch", &M::finalized_features_epoch, {.versions = "3+", .tag = 1});
    io("FinalizedFeatures", &M::finalized_features, {.versions = "3+", .tag = 2});
    io("ZkMigrationReady", &M::zk_migration_ready, {.versions = "3+", .tag = 3});
  }
  bool operator==(const ApiVersionsResponse&) const = default;
};

}  // namespace penstock::kafka
