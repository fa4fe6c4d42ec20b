#include "cli/kafka_connection.h"

#include <algorithm>

#include "kafka/messages/api_versions.h"

namespace penstock::cli {

namespace {

using kafka::ApiKey;
using kafka::ApiVersionsRequest;
using kafka::ApiVersionsResponse;
using kafka::KafkaError;

constexpr const char* kSoftwareName = "penstock";
constexpr const char* kSoftwareVersion = "0";
// Ours, then what the broker named, then 0: nobody needs more.
constexpr int kMaxNegotiationSteps = 3;

// The error code is the first field in every version, so it can be read before the version is known to
// fit.
Result<KafkaError> peek_error(ByteView body) {
  if (body.size() < sizeof(std::int16_t))
    return fail(ErrorCode::kCorrupt, "an empty ApiVersions response");
  return static_cast<KafkaError>(load_be<std::int16_t>(body, 0));
}

// What to ask in after `refused`, a response in version 0: the newest that the broker has, below what
// it refused; 0 if it does not say.
std::int16_t next_version(const ApiVersionsResponse& refusal, std::int16_t refused) {
  for (const auto& api : refusal.api_keys) {
    if (api.api_key != ApiKey::kApiVersions) continue;
    const auto below = static_cast<std::int16_t>(refused - 1);
    return std::max<std::int16_t>(0, std::min(below, api.max_version));
  }
  return 0;
}

}  // namespace

Result<KafkaConnection> KafkaConnection::open(const server::Address& address,
                                              const Deadline& deadline) {
  Result<TcpStream> stream = TcpStream::connect(address, deadline);
  if (!stream) {
    return Unexpected(stream.error().context(
        fmt::format("cannot connect to {} (is a broker running there? --brokers names another)",
                    server::to_string(address))));
  }
  KafkaConnection connection(address, std::move(*stream));
  if (auto agreed = connection.negotiate(deadline); !agreed) {
    return Unexpected(agreed.error().context(fmt::format(
        "{} does not answer like a Kafka broker (wrong port, or a listener that wants TLS or SASL?)",
        server::to_string(address))));
  }
  return connection;
}

Result<void> KafkaConnection::negotiate(const Deadline& deadline) {
  const ApiVersionsRequest request{.client_software_name = kSoftwareName,
                                   .client_software_version = kSoftwareVersion};
  std::int16_t version = kafka::find_api(ApiKey::kApiVersions)->implemented.last;
  for (int step = 0; step < kMaxNegotiationSteps; ++step) {
    const std::int32_t correlation_id = next_correlation_id_++;
    const auto frame =
        exchange(kafka::encode_request_frame(request, version, correlation_id, kClientId), deadline);
    if (!frame) return Unexpected(frame.error());
    const auto parsed = kafka::parse_response(*frame, ApiKey::kApiVersions, version);
    if (!parsed) return Unexpected(parsed.error());
    if (parsed->correlation_id != correlation_id) {
      return fail(ErrorCode::kCorrupt, "its first response has correlation id {}, not {}",
                  parsed->correlation_id, correlation_id);
    }
    const Result<KafkaError> error = peek_error(parsed->body);
    if (!error) return Unexpected(error.error());
    const bool refused = *error == KafkaError::kUnsupportedVersion;
    const std::int16_t body_version = refused ? std::int16_t{0} : version;
    const auto response = kafka::decode<ApiVersionsResponse>(parsed->body, body_version);
    if (!response) return Unexpected(response.error());
    if (refused && version > 0) {
      version = next_version(*response, version);
      continue;
    }
    if (*error != KafkaError::kNone) {
      return fail(ErrorCode::kNotSupported, "it refused ApiVersions with {}", kafka::to_string(*error));
    }
    for (const auto& api : response->api_keys) {
      kafka::Versions range;
      range.first = api.min_version;
      range.last = api.max_version;
      broker_versions_[api.api_key] = range;
    }
    return {};
  }
  return fail(ErrorCode::kNotSupported, "it refused every version of ApiVersions");
}

Result<std::int16_t> KafkaConnection::version_of(ApiKey api) const {
  const kafka::Versions ours = kafka::find_api(api)->implemented;
  const auto found = broker_versions_.find(api);
  if (found == broker_versions_.end()) {
    return fail(ErrorCode::kNotSupported, "{} does not offer {}", server::to_string(address_),
                kafka::to_string(api));
  }
  const kafka::Versions theirs = found->second;
  const std::int16_t version = std::min(ours.last, theirs.last);
  if (!ours.contains(version) || !theirs.contains(version)) {
    return fail(
        ErrorCode::kNotSupported,
        "{} speaks {} versions {} to {}, this program {} to {}; use a client of the broker's own age",
        server::to_string(address_), kafka::to_string(api), theirs.first, theirs.last, ours.first,
        ours.last);
  }
  return version;
}

Result<std::vector<std::byte>> KafkaConnection::exchange(const kafka::ByteChain& request,
                                                         const Deadline& deadline) {
  if (auto sent = stream_.send(request.flatten(), deadline); !sent) return Unexpected(sent.error());
  return receive_frame(deadline);
}

Result<std::vector<std::byte>> KafkaConnection::receive_frame(const Deadline& deadline) {
  std::vector<std::byte> size_field(kafka::kFrameSizeBytes);
  if (auto got = stream_.receive(size_field, deadline); !got) return Unexpected(got.error());
  const auto size_bytes = kafka::parse_frame_size(size_field);
  if (!size_bytes) return Unexpected(size_bytes.error());
  std::vector<std::byte> frame(**size_bytes);
  if (auto got = stream_.receive(frame, deadline); !got) return Unexpected(got.error());
  return frame;
}

Error KafkaConnection::context(const Error& error, ApiKey api) const {
  return error.context(fmt::format("{} at {}", kafka::to_string(api), server::to_string(address_)));
}

}  // namespace penstock::cli
