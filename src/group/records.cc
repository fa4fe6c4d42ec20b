#include "group/records.h"

#include "base/bytes.h"
#include "kafka/kept_record.h"

namespace penstock::group {

namespace {

template <std::integral T>
void add_integer(std::string& key, T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  store_be<T>(bytes, 0, value);
  key += as_text(bytes);
}

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
  add_integer(key, partition.partition);
  return key;
}

std::string pending_offset_prefix(std::string_view group) {
  std::string key(kPendingOffsetPrefix);
  kafka::add_key_text(key, group);
  return key;
}

std::string pending_offset_prefix(std::string_view group, std::int64_t producer_id) {
  std::string key = pending_offset_prefix(group);
  add_integer(key, producer_id);
  return key;
}

std::string pending_offset_key(std::string_view group, std::int64_t producer_id,
                               const TopicPartition& partition) {
  std::string key = pending_offset_prefix(group, producer_id);
  kafka::add_key_text(key, partition.topic);
  add_integer(key, partition.partition);
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

Result<PendingOffsetKey> decode_pending_offset_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kPendingOffsetPrefix.size())) == kPendingOffsetPrefix;
  const auto group = reader.string(/*compact=*/false);
  const auto producer_id = reader.integer<std::int64_t>();
  const auto topic = reader.string(/*compact=*/false);
  const auto partition = reader.integer<std::int32_t>();
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !group || !topic)
    return not_a_key("an offset of an open transaction");
  return PendingOffsetKey{
      std::string(as_text(*group)), producer_id, {std::string(as_text(*topic)), partition}};
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
