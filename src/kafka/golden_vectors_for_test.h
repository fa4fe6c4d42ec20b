// The golden vectors of testdata/golden_vectors.txt, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/frame.h"
#include "kafka/message.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

struct GoldenVector {
  std::string message;  // "FetchRequest"
  std::int16_t version = 0;
  std::string variant;           // "full"
  std::vector<std::byte> frame;  // header and body, without the 4-byte size

  bool is_request() const { return message.ends_with("Request"); }
  std::string name() const;  // "FetchRequest v12 full"
};

std::vector<std::byte> bytes_from_hex(std::string_view hex);

// All of them, read once.
const std::vector<GoldenVector>& golden_vectors();

// The one vector, which must be there.
const GoldenVector& golden_vector(std::string_view message, std::int16_t version,
                                  std::string_view variant);

// The message of the "single" vector. Records in it are views into the vectors, which stay.
template <typename Message>
Message golden(std::int16_t version) {
  const GoldenVector& vector = golden_vector(Message::kName, version, "single");
  const ByteView body = vector.is_request()
                            ? parse_request(vector.frame).value().body
                            : parse_response(vector.frame, Message::kApi, version).value().body;
  return decode<Message>(body, version).value();
}

// The vectors' rule for ids: bytes that count up.
inline Uuid uuid_from(int first) {
  Uuid uuid;
  for (std::byte& byte : uuid.bytes) byte = static_cast<std::byte>(first++);
  return uuid;
}

}  // namespace penstock::kafka
