// librdkafka's handles with owners, and its settings with errors that are exceptions.
//
// Threading: a client may be used by any thread, its settings by the one that makes them.
#pragma once

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace penstock::tests {

struct KafkaDeleter {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Kafka = std::unique_ptr<rd_kafka_t, KafkaDeleter>;

struct KafkaTopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaTopicDeleter>;

struct PartitionListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionListDeleter>;

// What a client is made with.
class Settings {
 public:
  Settings() : conf_(rd_kafka_conf_new()) {}
  ~Settings() {
    if (conf_ != nullptr) rd_kafka_conf_destroy(conf_);
  }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // Throws std::runtime_error, with librdkafka's words, for what it does not know.
  void set(const char* key, const std::string& value) {
    char error[512];
    if (rd_kafka_conf_set(conf_, key, value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      throw std::runtime_error(fmt::format("librdkafka: {}", error));
    }
  }
  rd_kafka_conf_t* get() { return conf_; }

  // To be called once.
  Kafka make_client(rd_kafka_type_t type) {
    char error[512];
    rd_kafka_t* client = rd_kafka_new(type, conf_, error, sizeof(error));
    if (client == nullptr) throw std::runtime_error(fmt::format("librdkafka: {}", error));
    conf_ = nullptr;  // the client's now
    return Kafka(client);
  }

 private:
  rd_kafka_conf_t* conf_;
};

// A log callback for tests that break connections on purpose.
inline void ignore_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace penstock::tests
