#include <algorithm>
#include <cctype>
#include <string_view>

#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::ApiVersionsResponse;
using kafka::KafkaError;

// Kafka's rule: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool is_valid_software_field(std::string_view text) {
  const auto is_alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const auto is_inner = [&](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; };
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::ranges::all_of(text, is_inner);
}

ApiVersionsResponse::ApiVersion advertise(const kafka::ApiInfo& api) {
  ApiVersionsResponse::ApiVersion version;
  version.api_key = api.key;
  version.min_version = api.advertised.first;
  version.max_version = api.advertised.last;
  return version;
}

}  // namespace

Task<ApiVersionsResponse> answer(Broker&, const kafka::ApiVersionsRequest& request,
                                 std::int16_t version) {
  constexpr std::int16_t kFirstWithSoftware = 3;
  ApiVersionsResponse response;
  if (version >= kFirstWithSoftware && (!is_valid_software_field(request.client_software_name) ||
                                        !is_valid_software_field(request.client_software_version))) {
    response.error_code = KafkaError::kInvalidRequest;
  }
  for (const kafka::ApiInfo& api : kafka::kApis) {
    if (api.is_served()) response.api_keys.push_back(advertise(api));
  }
  co_return response;
}

ApiVersionsResponse refuse_api_versions() {
  ApiVersionsResponse response;
  response.error_code = KafkaError::kUnsupportedVersion;
  response.api_keys.push_back(advertise(*kafka::find_api(kafka::ApiKey::kApiVersions)));
  return response;
}

}  // namespace penstock::broker
