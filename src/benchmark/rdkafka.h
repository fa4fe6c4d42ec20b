// Rdkafka: librdkafka's handles with owners, and its errors as ours.
//
// A client that people use, so that any broker that speaks the Kafka protocol can be the target.
// Ownership: each wrapper owns its handle. Threading: librdkafka's handles may be used by any thread.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace penstock::benchmark {

struct DestroyRdkafka {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_t* handle) const { rd_kafka_topic_destroy(handle); }
  void operator()(rd_kafka_queue_t* handle) const { rd_kafka_queue_destroy(handle); }
  void operator()(rd_kafka_topic_partition_list_t* handle) const {
    rd_kafka_topic_partition_list_destroy(handle);
  }
  void operator()(rd_kafka_conf_t* handle) const { rd_kafka_conf_destroy(handle); }
};
using RdkafkaClient = std::unique_ptr<rd_kafka_t, DestroyRdkafka>;
using RdkafkaTopic = std::unique_ptr<rd_kafka_topic_t, DestroyRdkafka>;
using RdkafkaQueue = std::unique_ptr<rd_kafka_queue_t, DestroyRdkafka>;
using RdkafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyRdkafka>;
using RdkafkaConf = std::unique_ptr<rd_kafka_conf_t, DestroyRdkafka>;

using RdkafkaSettings = std::vector<std::pair<std::string, std::string>>;

// Errors: kInvalidArgument, naming the setting.
Result<RdkafkaConf> make_conf(const RdkafkaSettings& settings);

// Takes `conf`. Errors: kInvalidArgument.
Result<RdkafkaClient> make_client(rd_kafka_type_t type, RdkafkaConf conf);

// Makes `topic`, with `settings` of the topic, and waits until it can be used. Errors: kExists; kIo and
// kTimeout, with the broker's words.
Result<void> create_topic(const std::string& brokers, const std::string& topic, int partitions,
                          const RdkafkaSettings& settings);

Result<void> delete_topic(const std::string& brokers, const std::string& topic);

}  // namespace penstock::benchmark
