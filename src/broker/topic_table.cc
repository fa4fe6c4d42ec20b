#include "broker/topic_table.h"

#include <algorithm>

#include "base/bytes.h"

namespace penstock::broker {

namespace {

constexpr std::size_t kMaxTopicNameBytes = 249;

}  // namespace

std::size_t Topic::shard_of(std::int32_t index, std::size_t shard_count) const {
  const auto start = load_le<std::uint64_t>(id.bytes, 0);
  return (start % shard_count + static_cast<std::size_t>(index)) % shard_count;
}

TopicTable::TopicTable(Topics topics) : topics_(std::move(topics)) {
  for (const auto& [name, topic] : topics_) by_id_.emplace(topic.id, &topic);
}

const Topic* TopicTable::find(std::string_view name) const {
  const auto place = topics_.find(name);
  return place == topics_.end() ? nullptr : &place->second;
}

const Topic* TopicTable::find(const kafka::Uuid& id) const {
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : place->second;
}

std::int64_t TopicTable::partition_total() const {
  std::int64_t total = 0;
  for (const auto& [name, topic] : topics_) total += topic.partition_count;
  return total;
}

TopicTableRef TopicTable::with(Topic topic) const {
  Topics topics = topics_;
  std::string name = topic.name;
  topics.insert_or_assign(std::move(name), std::move(topic));
  return std::make_shared<const TopicTable>(std::move(topics));
}

TopicTableRef TopicTable::without(const std::string& name) const {
  Topics topics = topics_;
  topics.erase(name);
  return std::make_shared<const TopicTable>(std::move(topics));
}

bool is_valid_topic_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxTopicNameBytes && name != "." && name != ".." &&
         std::ranges::all_of(name, is_allowed);
}

}  // namespace penstock::broker
