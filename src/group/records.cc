#include "group/records.h"

#include "group/record_codec.h"

namespace penstock::group {

std::string group_key(std::string_view group) { return key_of(kGroupPrefix, group); }

std::string offset_prefix(std::string_view group) { return key_of(kOffsetPrefix, group); }

std::string offset_key(std::string_view group, const TopicPartition& partition) {
  std::string key = offset_prefix(group);
  add_text(key, partition.topic);
  std::array<std::byte, sizeof(std::int32_t)> index{};
  store_be<std::int32_t>(index, 0, partition.partition);
  key += as_text(index);
  return key;
}

Result<std::string> decode_group_key(std::string_view key) {
  return decode_text_key(kGroupPrefix, key, "a group");
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
