// Frames: what travels on a connection. A 4-byte big-endian size, then that many bytes: a header and a
// body.
//
// Encoding helpers give the whole frame, size included. Decoding helpers take the bytes after the size.
//
// Ownership: decoded headers own their strings; a `body` is a view into the frame, and so are the
// Records of a message decoded from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"
#include "kafka/api.h"
#include "kafka/byte_chain.h"
#include "kafka/message.h"
#include "kafka/messages/headers.h"

namespace penstock::kafka {

inline constexpr std::size_t kFrameSizeBytes = 4;

struct FrameLimits {
  // Kafka's own default (socket.request.max.bytes).
  std::uint32_t max_frame_bytes = 100 * kMiB;
};

// The size that the stream's next 4 bytes announce, without those 4 bytes; nullopt if fewer have
// arrived. Errors: kCorrupt (negative), kTooLarge. After either the stream cannot be followed: close
// it.
Result<std::optional<std::uint32_t>> parse_frame_size(ByteView stream, const FrameLimits& limits = {});

struct RequestFrame {
  RequestHeader header;
  ByteView body;
};

// Splits a request, without looking at the body. Works for any API and version, also ones that Penstock
// does not speak; check find_api() and its versions before decoding the body.
// Errors: kCorrupt.
Result<RequestFrame> parse_request(ByteView frame);

struct ResponseFrame {
  std::int32_t correlation_id = 0;
  ByteView body;
};

// Splits the response to a request of this API and version. Errors: kCorrupt.
Result<ResponseFrame> parse_response(ByteView frame, ApiKey api, std::int16_t version);

// A whole request frame, as a client sends it.
template <typename Request>
ByteChain encode_request_frame(const Request& request, std::int16_t version,
                               std::int32_t correlation_id, std::optional<std::string_view> client_id);

// A whole response frame, as the server sends it. Slices among the records are not copied.
template <typename Response>
ByteChain encode_response_frame(const Response& response, std::int16_t version,
                                std::int32_t correlation_id);

// Parses and decodes the response to `Request` at `version`.
// Errors: those of parse_response and decode; kCorrupt if the correlation id is another one.
template <typename Request>
Result<typename Request::Response> decode_response_frame(ByteView frame, std::int16_t version,
                                                         std::int32_t correlation_id);

// ---------------------------------------------------------------------------------------------------

namespace frame_detail {

template <typename Header, typename Body>
ByteChain encode_frame(const Header& header, std::int16_t header_version, const Body& body,
                       std::int16_t version) {
  const SizeCounter header_size = count_size(header, header_version);
  const SizeCounter body_size = count_size(body, version);
  const std::size_t size_bytes = header_size.size() + body_size.size();
  Writer writer;
  writer.reserve(kFrameSizeBytes + header_size.owned_bytes() + body_size.owned_bytes());
  PENSTOCK_ASSERT(std::in_range<std::int32_t>(size_bytes), "a frame above 2 GiB");
  writer.integer(static_cast<std::int32_t>(size_bytes));
  encode_to(writer, header, header_version);
  encode_to(writer, body, version);
  ByteChain frame = std::move(writer).take_chain();
  PENSTOCK_ASSERT(frame.size() == kFrameSizeBytes + size_bytes, "the sizer and the encoder disagree");
  return frame;
}

}  // namespace frame_detail

template <typename Request>
ByteChain encode_request_frame(const Request& request, std::int16_t version,
                               std::int32_t correlation_id, std::optional<std::string_view> client_id) {
  const RequestHeader header{.api_key = Request::kApi,
                             .api_version = version,
                             .correlation_id = correlation_id,
                             .client_id = std::optional<std::string>(client_id)};
  return frame_detail::encode_frame(header, request_header_version(Request::kApi, version), request,
                                    version);
}

template <typename Response>
ByteChain encode_response_frame(const Response& response, std::int16_t version,
                                std::int32_t correlation_id) {
  const ResponseHeader header{.correlation_id = correlation_id};
  return frame_detail::encode_frame(header, response_header_version(Response::kApi, version), response,
                                    version);
}

template <typename Request>
Result<typename Request::Response> decode_response_frame(ByteView frame, std::int16_t version,
                                                         std::int32_t correlation_id) {
  const Result<ResponseFrame> response = parse_response(frame, Request::kApi, version);
  if (!response.has_value()) return Unexpected(response.error());
  if (response->correlation_id != correlation_id) {
    return fail(ErrorCode::kCorrupt, "{} response has correlation id {}, not {}",
                to_string(Request::kApi), response->correlation_id, correlation_id);
  }
  return decode<typename Request::Response>(response->body, version);
}

}  // namespace penstock::kafka
