#include "benchmark/rdkafka.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>

namespace penstock::benchmark {

namespace {

constexpr int kAdminTimeoutMs = 30'000;

struct DestroyAdmin {
  void operator()(rd_kafka_NewTopic_t* handle) const { rd_kafka_NewTopic_destroy(handle); }
  void operator()(rd_kafka_DeleteTopic_t* handle) const { rd_kafka_DeleteTopic_destroy(handle); }
  void operator()(rd_kafka_AdminOptions_t* handle) const { rd_kafka_AdminOptions_destroy(handle); }
  void operator()(rd_kafka_event_t* handle) const { rd_kafka_event_destroy(handle); }
};
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, DestroyAdmin>;
using DeleteTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, DestroyAdmin>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, DestroyAdmin>;
using AdminEvent = std::unique_ptr<rd_kafka_event_t, DestroyAdmin>;

Error admin_error(rd_kafka_resp_err_t code, const char* words, const std::string& doing) {
  const ErrorCode kind = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? ErrorCode::kExists
                         : code == RD_KAFKA_RESP_ERR__TIMED_OUT         ? ErrorCode::kTimeout
                                                                        : ErrorCode::kIo;
  return Error(kind, fmt::format("{}: {}", doing, words != nullptr ? words : rd_kafka_err2str(code)));
}

// What an answer about one topic says.
Result<void> check_topics(const rd_kafka_topic_result_t** topics, std::size_t count,
                          const std::string& doing) {
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return Unexpected(admin_error(code, rd_kafka_topic_result_error_string(topics[i]), doing));
  }
  return {};
}

Result<RdkafkaClient> admin_client(const std::string& brokers) {
  Result<RdkafkaConf> conf = make_conf({{"bootstrap.servers", brokers}});
  if (!conf) return Unexpected(conf.error());
  return make_client(RD_KAFKA_PRODUCER, std::move(*conf));
}

AdminOptions admin_options(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
  AdminOptions options(rd_kafka_AdminOptions_new(client, operation));
  std::array<char, 256> error{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kAdminTimeoutMs, error.data(), error.size());
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), kAdminTimeoutMs, error.data(),
                                              error.size());
  return options;
}

Result<AdminEvent> await_answer(rd_kafka_queue_t* queue, const std::string& doing) {
  AdminEvent event(rd_kafka_queue_poll(queue, kAdminTimeoutMs + 1000));
  if (!event) return fail(ErrorCode::kTimeout, "{}: no answer", doing);
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Unexpected(admin_error(code, rd_kafka_event_error_string(event.get()), doing));
  }
  return event;
}

// A broker may answer before all of it knows the topic.
Result<void> wait_until_led(rd_kafka_t* client, const std::string& topic, int partitions) {
  constexpr int kAttempts = 100;
  constexpr std::chrono::milliseconds kBetween{100};
  const RdkafkaTopic handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const struct rd_kafka_metadata* metadata = nullptr;
    int led = 0;
    if (rd_kafka_metadata(client, 0, handle.get(), &metadata, kAdminTimeoutMs) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
      for (int i = 0; metadata->topic_cnt == 1 && i < metadata->topics[0].partition_cnt; ++i) {
        led += metadata->topics[0].partitions[i].leader >= 0 ? 1 : 0;
      }
      rd_kafka_metadata_destroy(metadata);
    }
    if (led == partitions) return {};
    std::this_thread::sleep_for(kBetween);
  }
  return fail(ErrorCode::kTimeout, "create topic {}: not all of its partitions have a leader", topic);
}

}  // namespace

Result<RdkafkaConf> make_conf(const RdkafkaSettings& settings) {
  RdkafkaConf conf(rd_kafka_conf_new());
  // What matters of it is in errors; the rest would run through the results.
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  std::array<char, 512> error{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), error.data(), error.size()) !=
        RD_KAFKA_CONF_OK) {
      return fail(ErrorCode::kInvalidArgument, "client setting {}={}: {}", name, value, error.data());
    }
  }
  return conf;
}

Result<RdkafkaClient> make_client(rd_kafka_type_t type, RdkafkaConf conf) {
  std::array<char, 512> error{};
  // Takes the configuration only if it succeeds.
  RdkafkaClient client(rd_kafka_new(type, conf.get(), error.data(), error.size()));
  if (!client) return fail(ErrorCode::kInvalidArgument, "make a Kafka client: {}", error.data());
  [[maybe_unused]] rd_kafka_conf_t* const taken = conf.release();
  return client;
}

Result<void> create_topic(const std::string& brokers, const std::string& topic, int partitions,
                          const RdkafkaSettings& settings) {
  const std::string doing = fmt::format("create topic {} at {}", topic, brokers);
  Result<RdkafkaClient> client = admin_client(brokers);
  if (!client) return Unexpected(client.error());
  std::array<char, 512> error{};
  const NewTopic wanted(rd_kafka_NewTopic_new(topic.c_str(), partitions, /*replication_factor=*/1,
                                              error.data(), error.size()));
  if (!wanted) return fail(ErrorCode::kInvalidArgument, "{}: {}", doing, error.data());
  for (const auto& [name, value] : settings) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  const RdkafkaQueue queue(rd_kafka_queue_new(client->get()));
  const AdminOptions options = admin_options(client->get(), RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_NewTopic_t* all[] = {wanted.get()};
  rd_kafka_CreateTopics(client->get(), all, 1, options.get(), queue.get());
  const Result<AdminEvent> answer = await_answer(queue.get(), doing);
  if (!answer) return Unexpected(answer.error());
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(answer->get());
  Result<void> checked =
      check_topics(rd_kafka_CreateTopics_result_topics(result, &count), count, doing);
  if (!checked) return checked;
  return wait_until_led(client->get(), topic, partitions);
}

Result<void> delete_topic(const std::string& brokers, const std::string& topic) {
  const std::string doing = fmt::format("delete topic {} at {}", topic, brokers);
  Result<RdkafkaClient> client = admin_client(brokers);
  if (!client) return Unexpected(client.error());
  const DeleteTopic unwanted(rd_kafka_DeleteTopic_new(topic.c_str()));
  const RdkafkaQueue queue(rd_kafka_queue_new(client->get()));
  const AdminOptions options = admin_options(client->get(), RD_KAFKA_ADMIN_OP_DELETETOPICS);
  rd_kafka_DeleteTopic_t* all[] = {unwanted.get()};
  rd_kafka_DeleteTopics(client->get(), all, 1, options.get(), queue.get());
  const Result<AdminEvent> answer = await_answer(queue.get(), doing);
  if (!answer) return Unexpected(answer.error());
  std::size_t count = 0;
  const auto* result = rd_kafka_event_DeleteTopics_result(answer->get());
  return check_topics(rd_kafka_DeleteTopics_result_topics(result, &count), count, doing);
}

}  // namespace penstock::benchmark
