#include "group/records.h"

#include "base/bytes.h"
#include "kafka/kept_record.h"

namespace penstock::group {

namespace {

Unexpected not_a_key(std::string_view what) {
  return fail(ErrorCode::kCorrupt, "not the key of {}", what);
}

}  // namespace

std::string group_key(std::string_view group) {
  std::string key(kGroupPrefix);
  kafka::add_key_text(key, group);
  return key;
}

std::string offset_prefix(std::string_view group) {
  std::string key(kOffsetPrefix);
  kafka::add_key_text(key, group);
  return key;
}

std::string offset_key(std::string_view group, const TopicPartition& partition) {
  std::string key = offset_prefix(group);
  kafka::add_key_text(key, partition.topic);
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

std::string encode(const GroupRecord& record) { return kafka::encode_kept(record); }
std::string encode(const OffsetRecord& record) { return kafka::encode_kept(record); }
Result<GroupRecord> decode_group(std::string_view value) {
  return kafka::decode_kept<GroupRecord>(value);
}
Result<OffsetRecord> decode_offset(std::string_view value) {
  return kafka::decode_kept<OffsetRecord>(value);
}

}  // namespace penstock::group
