#include "kafka/frame.h"

#include "kafka/codec.h"

namespace penstock::kafka {

Result<std::optional<std::uint32_t>> parse_frame_size(ByteView stream, const FrameLimits& limits) {
  if (stream.size() < kFrameSizeBytes) return std::nullopt;
  const auto size_bytes = load_be<std::int32_t>(stream, 0);
  if (size_bytes < 0) return fail(ErrorCode::kCorrupt, "frame of negative size {}", size_bytes);
  if (static_cast<std::uint32_t>(size_bytes) > limits.max_frame_bytes) {
    return fail(ErrorCode::kTooLarge, "frame of {} bytes; at most {}", size_bytes,
                limits.max_frame_bytes);
  }
  return static_cast<std::uint32_t>(size_bytes);
}

Result<RequestFrame> parse_request(ByteView frame) {
  // The first two fields, the same in every header version, say which version the rest has.
  Reader peek(frame);
  peek.set_field("RequestApiKey");
  const auto api = static_cast<ApiKey>(peek.integer<std::int16_t>());
  const auto version = peek.integer<std::int16_t>();

  Reader reader(frame);
  Result<RequestHeader> header =
      decode_from<RequestHeader>(reader, request_header_version(api, version));
  if (!header.has_value()) return Unexpected(header.error());
  return RequestFrame{.header = *std::move(header), .body = frame.subspan(reader.position())};
}

Result<ResponseFrame> parse_response(ByteView frame, ApiKey api, std::int16_t version) {
  Reader reader(frame);
  const Result<ResponseHeader> header =
      decode_from<ResponseHeader>(reader, response_header_version(api, version));
  if (!header.has_value()) return Unexpected(header.error());
  return ResponseFrame{.correlation_id = header->correlation_id,
                       .body = frame.subspan(reader.position())};
}

}  // namespace penstock::kafka
