#include "group/consumer_records.h"

#include "base/bytes.h"
#include "kafka/kept_record.h"

namespace penstock::group {

std::string consumer_group_key(std::string_view group) {
  std::string key(kConsumerGroupPrefix);
  kafka::add_key_text(key, group);
  return key;
}

std::string consumer_member_prefix(std::string_view group) {
  std::string key(kConsumerMemberPrefix);
  kafka::add_key_text(key, group);
  return key;
}

std::string consumer_member_key(std::string_view group, std::string_view member) {
  std::string key = consumer_member_prefix(group);
  kafka::add_key_text(key, member);
  return key;
}

Result<std::string> decode_consumer_group_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kConsumerGroupPrefix.size())) == kConsumerGroupPrefix;
  const auto group = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !group) {
    return fail(ErrorCode::kCorrupt, "not the key of a consumer group");
  }
  return std::string(as_text(*group));
}

Result<ConsumerMemberKey> decode_consumer_member_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kConsumerMemberPrefix.size())) == kConsumerMemberPrefix;
  const auto group = reader.string(/*compact=*/false);
  const auto member = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !group || !member) {
    return fail(ErrorCode::kCorrupt, "not the key of a consumer group's member");
  }
  return ConsumerMemberKey{std::string(as_text(*group)), std::string(as_text(*member))};
}

std::string encode(const ConsumerGroupRecord& record) { return kafka::encode_kept(record); }
std::string encode(const ConsumerMemberRecord& record) { return kafka::encode_kept(record); }
Result<ConsumerGroupRecord> decode_consumer_group(std::string_view value) {
  return kafka::decode_kept<ConsumerGroupRecord>(value);
}
Result<ConsumerMemberRecord> decode_consumer_member(std::string_view value) {
  return kafka::decode_kept<ConsumerMemberRecord>(value);
}

std::vector<AssignedTopicRecord> to_records(const Assignment& assignment) {
  std::vector<AssignedTopicRecord> records;
  for (const auto& [topic, partitions] : assignment)
    records.push_back({topic, {partitions.begin(), partitions.end()}});
  return records;
}

Assignment from_records(const std::vector<AssignedTopicRecord>& records) {
  Assignment assignment;
  for (const AssignedTopicRecord& record : records) {
    if (!record.partitions.empty())
      assignment[record.topic_id].insert(record.partitions.begin(), record.partitions.end());
  }
  return assignment;
}

}  // namespace penstock::group
