// RdkafkaAdmin: librdkafka's admin calls, each awaited, with their errors as values.
//
// Threading: one caller at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rdkafka_client.h"

namespace penstock::tests {

struct GroupDescription {
  std::string state;
  std::vector<std::string> client_ids;  // of its members
  std::size_t assigned_partitions = 0;  // of all of them
};

class RdkafkaAdmin {
 public:
  using Code = rd_kafka_resp_err_t;
  // Partition and offset.
  using Offsets = std::map<std::int32_t, std::int64_t>;

  explicit RdkafkaAdmin(const std::string& broker);

  // Topics.
  Code create_topic(const std::string& topic, int partitions,
                    const std::map<std::string, std::string>& settings = {});
  Code delete_topic(const std::string& topic);
  // Topics that there are, with the number of their partitions.
  std::map<std::string, int> list_topics();
  Code delete_records(const std::string& topic, std::int32_t partition, std::int64_t before);

  // Groups.
  std::vector<std::string> list_groups();
  GroupDescription describe_group(const std::string& group);
  Code delete_group(const std::string& group);
  Code set_offset(const std::string& group, const std::string& topic, std::int32_t partition,
                  std::int64_t offset);
  Code delete_offset(const std::string& group, const std::string& topic, std::int32_t partition);
  // What the group has committed for the topic; partitions without a commit are left out.
  Offsets offsets_of_group(const std::string& group, const std::string& topic);

  // Where partitions begin and end, and which message is the first from a time on.
  std::pair<std::int64_t, std::int64_t> ends(const std::string& topic, std::int32_t partition);
  std::int64_t offset_at(const std::string& topic, std::int32_t partition, std::int64_t time_ms);

  rd_kafka_t* client() { return client_.get(); }

 private:
  struct EventDeleter {
    void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  };
  using Event = std::unique_ptr<rd_kafka_event_t, EventDeleter>;
  struct QueueDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };

  // The answer to the call that was just made, which must have no error of its own.
  Event await_answer();

  Kafka client_;
  std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue_;
};

}  // namespace penstock::tests
