// How records and keys of the catalog are made and read; for *records.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "group/records.h"
#include "kafka/codec.h"

namespace penstock::group {

// A text in a key: its length, then its bytes.
inline void add_text(std::string& key, std::string_view text) {
  PENSTOCK_ASSERT(text.size() <= kMaxGroupIdBytes, "a name that is too long for a key");
  key += static_cast<char>(text.size() >> 8);
  key += static_cast<char>(text.size());
  key += text;
}

inline std::string key_of(std::string_view prefix, std::string_view text) {
  std::string key(prefix);
  add_text(key, text);
  return key;
}

inline Unexpected not_a_key(std::string_view what) {
  return fail(ErrorCode::kCorrupt, "not the key of {}", what);
}

// The text of a key that consists of one.
inline Result<std::string> decode_text_key(std::string_view prefix, std::string_view key,
                                           std::string_view what) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(prefix.size())) == prefix;
  const auto text = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !text) return not_a_key(what);
  return std::string(as_text(*text));
}

// The version, then the record as the wire would have it.
template <typename Record>
std::string encode_record(const Record& record) {
  constexpr std::int16_t kVersion = 0;
  kafka::Writer writer;
  writer.integer(kVersion);
  kafka::encode_to(writer, record, kVersion);
  const std::vector<std::byte> bytes = std::move(writer).take_chain().flatten();
  return std::string(as_text(bytes));
}

template <typename Record>
Result<Record> decode_record(std::string_view value) {
  kafka::Reader reader(as_bytes(value));
  const auto version = reader.integer<std::int16_t>();
  if (!reader.ok()) return fail(ErrorCode::kCorrupt, "a {} without a version", Record::kName);
  return kafka::decode<Record>(as_bytes(value).subspan(sizeof(version)), version);
}

}  // namespace penstock::group
