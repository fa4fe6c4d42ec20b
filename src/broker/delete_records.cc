#include "broker/handlers.h"
#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

using kafka::DeleteRecordsRequest;
using kafka::DeleteRecordsResponse;
using kafka::KafkaError;

constexpr Offset kUnknownStart{-1};

struct Deletion {
  Peer* owner = nullptr;  // null: answered already
  PartitionKey key;
  Offset up_to;
  DeleteRecordsResponse::Partition result;
};

Task<void> delete_from(log::Partition& partition, Deletion& deletion) {
  const Offset up_to = deletion.up_to == kafka::kDeleteUpToHighWatermark
                           ? partition.marks().high_watermark
                           : deletion.up_to;
  const auto start = co_await partition.delete_below(up_to);
  if (start) {
    deletion.result.low_watermark = *start;
  } else {
    deletion.result.error_code = to_kafka_error(start.error());
  }
}

Task<void> delete_here(Broker& owner, std::vector<Deletion*>& deletions) {
  for (Deletion* deletion : deletions) {
    // Holds it, so that a topic that is deleted meanwhile does not take it away.
    const PartitionRef partition = owner.find_partition(deletion->key);
    if (partition) {
      co_await delete_from(*partition, *deletion);
    } else {
      deletion->result.error_code = KafkaError::kKafkaStorageError;
    }
  }
}

Deletion prepare(Broker& broker, const std::string& topic_name,
                 const DeleteRecordsRequest::Partition& asked) {
  Deletion deletion;
  deletion.up_to = asked.offset;
  deletion.result.partition_index = asked.partition_index;
  deletion.result.low_watermark = kUnknownStart;
  const TopicTableRef table = broker.topics();
  const Topic* topic = table->find(topic_name);
  if (topic == nullptr || !topic->has_partition(asked.partition_index)) {
    deletion.result.error_code = KafkaError::kUnknownTopicOrPartition;
  } else if (asked.offset < kafka::kDeleteUpToHighWatermark) {
    deletion.result.error_code = KafkaError::kOffsetOutOfRange;
  } else {
    deletion.owner = &broker.owner_of(*topic, asked.partition_index);
    deletion.key = PartitionKey{topic->id, asked.partition_index};
  }
  return deletion;
}

}  // namespace

Task<DeleteRecordsResponse> answer(Broker& broker, const DeleteRecordsRequest& request, std::int16_t) {
  std::vector<Deletion> deletions;
  for (const DeleteRecordsRequest::Topic& topic : request.topics) {
    for (const DeleteRecordsRequest::Partition& partition : topic.partitions) {
      deletions.push_back(prepare(broker, topic.name, partition));
    }
  }
  auto work = [](Broker& owner, std::vector<Deletion*>& here) { return delete_here(owner, here); };
  co_await on_owners(broker, deletions, work);

  DeleteRecordsResponse response;
  auto next = deletions.begin();
  for (const DeleteRecordsRequest::Topic& topic : request.topics) {
    DeleteRecordsResponse::Topic& results = response.topics.emplace_back();
    results.name = topic.name;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
      results.partitions.push_back((next++)->result);
    }
  }
  co_return response;
}

}  // namespace penstock::broker
