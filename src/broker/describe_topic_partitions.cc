#include <algorithm>
#include <set>

#include "broker/handlers.h"

namespace penstock::broker {

namespace {

using kafka::DescribeTopicPartitionsRequest;
using kafka::DescribeTopicPartitionsResponse;
using kafka::KafkaError;

// Kafka's max.request.partition.size.limit.
constexpr std::int32_t kMaxPartitionsOfPage = 2000;

// Fills one answer, topic by topic in the order of their names.
class Page {
 public:
  Page(const DescribeTopicPartitionsRequest& request, std::int32_t node_id)
      : node_id_(node_id),
        left_(std::clamp(request.response_partition_limit, 1, kMaxPartitionsOfPage)) {
    if (request.cursor) begin_ = *request.cursor;
  }

  const std::string& first_topic() const { return begin_.topic_name; }

  // These two return whether more may follow; else the answer says where the next page begins.
  bool add(const Topic& topic) {
    if (left_ == 0) return end_at(topic.name, 0);
    DescribeTopicPartitionsResponse::Topic& described = response_.topics.emplace_back();
    described.name = topic.name;
    described.topic_id = topic.id;
    std::int32_t index = topic.name == begin_.topic_name ? begin_.partition_index : 0;
    for (; index < topic.partition_count; ++index, --left_) {
      if (left_ == 0) return end_at(topic.name, index);
      described.partitions.push_back(describe(topic, index));
    }
    return true;
  }
  bool add_missing(const std::string& name) {
    if (left_ == 0) return end_at(name, 0);
    refuse(name, is_valid_topic_name(name) ? KafkaError::kUnknownTopicOrPartition
                                           : KafkaError::kInvalidTopicException);
    return true;
  }
  void refuse(const std::string& name, KafkaError error) {
    DescribeTopicPartitionsResponse::Topic& refused = response_.topics.emplace_back();
    refused.name = name;
    refused.error_code = error;
  }

  DescribeTopicPartitionsResponse take_response() && { return std::move(response_); }

 private:
  DescribeTopicPartitionsResponse::Partition describe(const Topic& topic, std::int32_t index) const {
    DescribeTopicPartitionsResponse::Partition partition;
    partition.partition_index = index;
    partition.leader_id = node_id_;
    partition.leader_epoch = topic.leader_epoch;
    partition.replica_nodes = {node_id_};
    partition.isr_nodes = {node_id_};
    partition.eligible_leader_replicas.emplace();
    partition.last_known_elr.emplace();
    return partition;
  }
  bool end_at(const std::string& name, std::int32_t index) {
    DescribeTopicPartitionsResponse::Cursor cursor;
    cursor.topic_name = name;
    cursor.partition_index = index;
    response_.next_cursor = std::move(cursor);
    return false;
  }

  std::int32_t node_id_;
  std::int32_t left_;  // partitions that the page still takes
  DescribeTopicPartitionsRequest::Cursor begin_;
  DescribeTopicPartitionsResponse response_;
};

void add_all(const TopicTable& table, Page& page) {
  const TopicTable::Topics& topics = table.topics();
  for (auto place = topics.lower_bound(page.first_topic()); place != topics.end(); ++place) {
    if (!page.add(place->second)) return;
  }
}

void add_asked(const TopicTable& table, const std::set<std::string>& names, Page& page) {
  for (auto name = names.lower_bound(page.first_topic()); name != names.end(); ++name) {
    const Topic* topic = table.find(*name);
    const bool goes_on = topic == nullptr ? page.add_missing(*name) : page.add(*topic);
    if (!goes_on) return;
  }
}

}  // namespace

Task<DescribeTopicPartitionsResponse> answer(Broker& broker,
                                             const DescribeTopicPartitionsRequest& request,
                                             std::int16_t) {
  std::set<std::string> names;
  for (const DescribeTopicPartitionsRequest::Topic& topic : request.topics) names.insert(topic.name);
  Page page(request, broker.settings().node_id);
  const TopicTableRef table = broker.topics();
  if (request.cursor && request.cursor->partition_index < 0) {
    if (names.empty()) names.insert(request.cursor->topic_name);
    for (const std::string& name : names) page.refuse(name, KafkaError::kInvalidRequest);
  } else if (names.empty()) {
    add_all(*table, page);
  } else {
    add_asked(*table, names, page);
  }
  co_return std::move(page).take_response();
}

}  // namespace penstock::broker
