#include <algorithm>
#include <limits>

#include "broker/handlers.h"
#include "broker/owner_call.h"

namespace penstock::broker {

namespace {

using kafka::DescribeLogDirsRequest;
using kafka::DescribeLogDirsResponse;

// Partitions that are measured before others get their turn.
constexpr std::size_t kMeasureAtOnce = 256;

// What a file system without a limit says does not fit.
std::int64_t as_signed(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(bytes, kMost));
}

// A partition that is asked about.
struct Found {
  Peer* owner = nullptr;
  PartitionKey key;
  const std::string* topic = nullptr;  // in the table of topics
  bool is_open = false;
  DescribeLogDirsResponse::Partition described;
};

Task<void> measure_here(Broker& owner, std::vector<Found*>& parts) {
  std::size_t looked_at = 0;
  for (Found* part : parts) {
    if (++looked_at % kMeasureAtOnce == 0) co_await owner.scheduler().yield();
    const PartitionRef partition = owner.find_partition(part->key);
    if (!partition) continue;
    const log::Marks& marks = partition->marks();
    part->is_open = true;
    part->described.partition_size = static_cast<std::int64_t>(partition->size_bytes());
    part->described.offset_lag = marks.append_end.value - marks.high_watermark.value;
  }
}

void look_for(Broker& broker, const Topic& topic, std::int32_t index, std::vector<Found>& found) {
  if (!topic.has_partition(index)) return;
  Found& part = found.emplace_back();
  part.owner = &broker.owner_of(topic, index);
  part.key = PartitionKey{topic.id, index};
  part.topic = &topic.name;
  part.described.partition_index = index;
}

// What is not there is left out, as Kafka does.
std::vector<Found> find_all(Broker& broker, const TopicTable& table,
                            const DescribeLogDirsRequest& request) {
  std::vector<Found> found;
  if (!request.topics) {
    for (const auto& [name, topic] : table.topics()) {
      for (std::int32_t i = 0; i < topic.partition_count; ++i) look_for(broker, topic, i, found);
    }
    return found;
  }
  for (const DescribeLogDirsRequest::Topic& asked : *request.topics) {
    const Topic* topic = table.find(asked.topic);
    if (topic == nullptr) continue;
    for (const std::int32_t index : asked.partitions) look_for(broker, *topic, index, found);
  }
  return found;
}

}  // namespace

Task<DescribeLogDirsResponse> answer(Broker& broker, const DescribeLogDirsRequest& request,
                                     std::int16_t) {
  const TopicTableRef table = broker.topics();  // the found have names in it
  std::vector<Found> found = find_all(broker, *table, request);
  auto work = [](Broker& owner, std::vector<Found*>& here) { return measure_here(owner, here); };
  co_await on_owners(broker, found, work);
  const auto space = co_await broker.context().disk.space(broker.data_directory());

  DescribeLogDirsResponse response;
  DescribeLogDirsResponse::Result& directory = response.results.emplace_back();
  directory.log_dir = broker.data_directory();
  if (space) {
    directory.total_bytes = as_signed(space->total_bytes);
    directory.usable_bytes = as_signed(space->available_bytes);
  }
  for (const Found& part : found) {
    if (!part.is_open) continue;
    if (directory.topics.empty() || directory.topics.back().name != *part.topic) {
      directory.topics.emplace_back().name = *part.topic;
    }
    directory.topics.back().partitions.push_back(part.described);
  }
  co_return response;
}

}  // namespace penstock::broker
