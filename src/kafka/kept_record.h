// Kept records: structures that are described as messages are (schema.h), but kept on the disk and not
// sent.
//
// docs/format.md, "The catalog", is the specification: a value is its version and the fields in the
// encoding of flexible messages; a text in a key is its length and its bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kafka/codec.h"

namespace penstock::kafka {

inline constexpr std::size_t kMaxKeyTextBytes = 32'767;

// Adds a text of at most kMaxKeyTextBytes, in front of which nothing else can be a prefix of it.
inline void add_key_text(std::string& key, std::string_view text) {
  PENSTOCK_ASSERT(text.size() <= kMaxKeyTextBytes, "a name that is too long for a key");
  key += static_cast<char>(text.size() >> 8);
  key += static_cast<char>(text.size());
  key += text;
}

// In the newest version.
template <typename Record>
std::string encode_kept(const Record& record) {
  constexpr std::int16_t kVersion = Record::kVersions.last;
  Writer writer;
  writer.integer(kVersion);
  encode_to(writer, record, kVersion);
  const std::vector<std::byte> bytes = std::move(writer).take_chain().flatten();
  return std::string(as_text(bytes));
}

// kCorrupt; kNotSupported (a version that is not known here).
template <typename Record>
Result<Record> decode_kept(std::string_view value) {
  Reader reader(as_bytes(value));
  const auto version = reader.integer<std::int16_t>();
  if (!reader.ok()) return fail(ErrorCode::kCorrupt, "a {} without a version", Record::kName);
  return decode<Record>(as_bytes(value).subspan(sizeof(version)), version);
}

}  // namespace penstock::kafka
