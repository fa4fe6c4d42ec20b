// The codecs of record batches: what is behind a batch's header, compressed and back.
//
// Each in the container that Kafka's own clients write: gzip (RFC 1952), snappy in blocks behind the
// header of xerial's SnappyOutputStream, lz4 and zstd frames. Reading also takes what other clients
// write: raw snappy, and several gzip members or frames one after the other.
//
// A broker stores batches as they are and needs none of this; clients do.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"
#include "kafka/record_batch.h"

namespace penstock::kafka {

// What one batch may unpack to. Producers gather at most some tens of MiB into one.
inline constexpr std::size_t kMaxDecompressedBytes = 256 * kMiB;

// "none", "gzip", "snappy", "lz4" or "zstd". Errors: kInvalidArgument.
Result<Compression> parse_compression(std::string_view name);

std::vector<std::byte> compress(Compression codec, ByteView plain);

// Takes memory in proportion to what really comes out, whatever the input says of its size.
// Errors: kCorrupt (not in this codec's format, or it ends too early), kTooLarge (more than `max_bytes`
// come out), kNotSupported (no such codec).
Result<std::vector<std::byte>> decompress(Compression codec, ByteView compressed,
                                          std::size_t max_bytes = kMaxDecompressedBytes);

}  // namespace penstock::kafka
