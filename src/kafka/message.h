// Decode, encode and size: any message (messages/*.h), at any version it has.
//
// The definitions are instantiated once per message in messages.cc, so including this is cheap.
//
// Ownership: a decoded message owns everything but its Records, which are views into the bytes that
// were decoded. Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/byte_chain.h"
#include "kafka/writer.h"

namespace penstock::kafka {

// The memory that the arrays of one decoded message may take. Elements are larger in memory than on the
// wire (an empty topic name is 1 byte there and 40 here), so a frame limit alone bounds too little.
inline constexpr std::size_t kMaxDecodedArrayBytes = 64 << 20;

// Decodes a body, the bytes after the header. A response must use all of them; what follows a request
// is ignored, as Kafka does. Errors: kNotSupported (the message has no such version), kCorrupt
// (malformed; the message names the field), kTooLarge (arrays above kMaxDecodedArrayBytes).
template <typename Message>
Result<Message> decode(ByteView body, std::int16_t version);

// Encodes a body. A null that this version cannot say is sent as empty; fields that this version does
// not have are left out. That the version is an implemented one is asserted.
template <typename Message>
ByteChain encode(const Message& message, std::int16_t version);

// The same, at the end of what `writer` already has.
template <typename Message>
void encode_to(Writer& writer, const Message& message, std::int16_t version);

// What encode() will give: exactly how many bytes, and how many of them in slices.
template <typename Message>
SizeCounter count_size(const Message& message, std::int16_t version);

template <typename Message>
std::size_t encoded_size(const Message& message, std::int16_t version) {
  return count_size(message, version).size();
}

}  // namespace penstock::kafka
