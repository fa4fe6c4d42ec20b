#include "broker/group_topics.h"

#include "broker/broker.h"

namespace penstock::broker {

namespace {

std::optional<group::Topics::Topic> tell(const Topic* topic) {
  if (topic == nullptr) return std::nullopt;
  return group::Topics::Topic{topic->id, topic->name, topic->partition_count};
}

}  // namespace

std::uint64_t GroupTopics::version() const { return broker_.topics_version(); }

std::optional<group::Topics::Topic> GroupTopics::find(std::string_view name) const {
  return tell(broker_.topics()->find(name));
}

std::optional<group::Topics::Topic> GroupTopics::find(const kafka::Uuid& id) const {
  return tell(broker_.topics()->find(id));
}

}  // namespace penstock::broker
