// The headers in front of every request and response. Their versions are not the body's: see
// request_header_version and response_header_version in api.h, and frame.h, which puts them together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct RequestHeader {
  static constexpr std::string_view kName = "RequestHeader";
  static constexpr Versions kVersions = "0-2";
  static constexpr Versions kFlexible = "2+";

  ApiKey api_key{};
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id = "";

  static void fields(auto& io) {
    io("RequestApiKey", &RequestHeader::api_key, {.versions = "0+"});
    io("RequestApiVersion", &RequestHeader::api_version, {.versions = "0+"});
    io("CorrelationId", &RequestHeader::correlation_id, {.versions = "0+"});
    io("ClientId", &RequestHeader::client_id, {.versions = "1+", .nullable = "1+", .flexible = "none"});
  }
  bool operator==(const RequestHeader&) const = default;
};

struct ResponseHeader {
  static constexpr std::string_view kName = "ResponseHeader";
  static constexpr Versions kVersions = "0-1";
  static constexpr Versions kFlexible = "1+";

  std::int32_t correlation_id = 0;

  static void fields(auto& io) {
    io("CorrelationId", &ResponseHeader::correlation_id, {.versions = "0+"});
  }
  bool operator==(const ResponseHeader&) const = default;
};

}  // namespace penstock::kafka
