#include "group/records.h"

#include "base/bytes.h"
#include "kafka/codec.h"

namespace penstock::group {

namespace {

constexpr std::int16_t kVersion = 0;

void add_text(std::string& key, std::string_view text) {
  PENSTOCK_ASSERT(text.size() <= kMaxGroupIdBytes, "a name that is too long for a key");
  key += static_cast<char>(text.size() >> 8);
  key += static_cast<char>(text.size());
  key += text;
}

// The version, then the record as the wire would have it.
template <typename Record>
std::string encode_record(const Record& record) {
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

Unexpected not_a_key(std::string_view what) {
  return fail(ErrorCode::kCorrupt, "not the key of {}", what);
}

}  // namespace

std::string group_key(std::string_view group) {
  std::string key(kGroupPrefix);
  add_text(key, group);
  return key;
}

std::string offset_prefix(std::string_view group) {
  std::string key(kOffsetPrefix);
  add_text(key, group);
  return key;
}

std::string offset_key(std::string_view group, const TopicPartition& partition) {
  std::string key = offset_prefix(group);
  add_text(key, partition.topic);
  std::array<std::byte, sizeof(std::int32_t)> index{};
  store_be<std::int32_t>(index, 0, partition.partition);
  key += as_text(index);
  return key;
}

Result<std::string> decode_group_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kGroupPrefix.size())) == kGroupPrefix;
  const auto group = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !group) return not_a_key("a group");
  return std::string(as_text(*group));
}

Result<OffsetKey> decode_offset_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kOffsetPrefix.size())) == kOffsetPrefix;
  const auto group = reader.string(/*compact=*/false);
  const auto topic = reader.string(/*compact=*/false);
  const auto partition = reader.integer<std::int32_t>();
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !group || !topic) return not_a_key("a committed offset");
  return OffsetKey{std::string(as_text(*group)), {std::string(as_text(*topic)), partition}};
}

std::string encode(const GroupRecord& record) { return encode_record(record); }
std::string encode(const OffsetRecord& record) { return encode_record(record); }
Result<GroupRecord> decode_group(std::string_view value) { return decode_record<GroupRecord>(value); }
Result<OffsetRecord> decode_offset(std::string_view value) {
  return decode_record<OffsetRecord>(value);
}

}  // namespace penstock::group
