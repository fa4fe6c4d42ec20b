#include "broker/topic_records.h"

#include "kafka/kept_record.h"

namespace penstock::broker {

namespace {

struct SettingRecord {
  std::string name{};
  std::string value{};

  static void fields(auto& io) {
    io("Name", &SettingRecord::name, {.versions = "0+"});
    io("Value", &SettingRecord::value, {.versions = "0+"});
  }
  bool operator==(const SettingRecord&) const = default;
};

struct TopicRecord {
  static constexpr std::string_view kName = "TopicRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  kafka::Uuid topic_id{};
  std::int32_t partition_count = 0;
  std::int32_t leader_epoch = 0;
  std::int64_t created_ms = -1;
  std::vector<SettingRecord> settings{};

  static void fields(auto& io) {
    using M = TopicRecord;
    io("TopicId", &M::topic_id, {.versions = "0+"});
    io("PartitionCount", &M::partition_count, {.versions = "0+"});
    io("LeaderEpoch", &M::leader_epoch, {.versions = "0+"});
    io("CreatedMs", &M::created_ms, {.versions = "0+"});
    io("Settings", &M::settings, {.versions = "0+"});
  }
};

struct DeletedTopicRecord {
  static constexpr std::string_view kName = "DeletedTopicRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  kafka::Uuid topic_id{};
  std::int64_t deleted_ms = -1;

  static void fields(auto& io) {
    io("TopicId", &DeletedTopicRecord::topic_id, {.versions = "0+"});
    io("DeletedMs", &DeletedTopicRecord::deleted_ms, {.versions = "0+"});
  }
};

std::string key_of(std::string_view prefix, std::string_view name) {
  std::string key(prefix);
  kafka::add_key_text(key, name);
  return key;
}

Result<std::string> name_in(std::string_view prefix, std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(prefix.size())) == prefix;
  const auto name = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !name || !is_valid_topic_name(as_text(*name)))
    return fail(ErrorCode::kCorrupt, "not the key of a topic");
  return std::string(as_text(*name));
}

}  // namespace

std::string topic_key(std::string_view name) { return key_of(kTopicPrefix, name); }
std::string deleted_topic_key(std::string_view name) { return key_of(kDeletedTopicPrefix, name); }

std::string encode(const Topic& topic) {
  TopicRecord record{.topic_id = topic.id,
                     .partition_count = topic.partition_count,
                     .leader_epoch = topic.leader_epoch,
                     .created_ms = topic.created_ms};
  for (auto& [name, value] : topic.settings.entries()) record.settings.push_back({name, value});
  return kafka::encode_kept(record);
}

std::string encode(const DeletedTopic& topic) {
  return kafka::encode_kept(DeletedTopicRecord{.topic_id = topic.id, .deleted_ms = topic.deleted_ms});
}

Result<Topic> decode_topic(const catalog::Entry& entry) {
  auto name = name_in(kTopicPrefix, entry.key);
  if (!name) return Unexpected(name.error());
  const std::string context = "the record of topic " + *name;
  const auto record = kafka::decode_kept<TopicRecord>(entry.value);
  if (!record) return Unexpected(record.error().context(context));
  if (record->partition_count < 1 || record->topic_id.is_zero())
    return fail(ErrorCode::kCorrupt, "{}: an impossible id or partition count", context);
  Topic topic;
  topic.id = record->topic_id;
  topic.name = std::move(*name);
  topic.partition_count = record->partition_count;
  topic.leader_epoch = record->leader_epoch;
  topic.created_ms = record->created_ms;
  for (const SettingRecord& setting : record->settings) {
    if (auto set = topic.settings.set(setting.name, setting.value); !set)
      return Unexpected(set.error().context(context));
  }
  return topic;
}

Result<DeletedTopic> decode_deleted_topic(const catalog::Entry& entry) {
  auto name = name_in(kDeletedTopicPrefix, entry.key);
  if (!name) return Unexpected(name.error());
  const auto record = kafka::decode_kept<DeletedTopicRecord>(entry.value);
  if (!record) return Unexpected(record.error().context("the record of deleted topic " + *name));
  return DeletedTopic{std::move(*name), record->topic_id, record->deleted_ms};
}

}  // namespace penstock::broker
