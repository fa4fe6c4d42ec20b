#include "rdkafka_member.h"

namespace penstock::tests {

namespace {

constexpr int kPollMs = 100;

std::set<std::int32_t> assigned_partitions(rd_kafka_t* client) {
  rd_kafka_topic_partition_list_t* list = nullptr;
  if (rd_kafka_assignment(client, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const PartitionList owned(list);
  std::set<std::int32_t> partitions;
  for (int i = 0; i < list->cnt; ++i) partitions.insert(list->elems[i].partition);
  return partitions;
}

void destroy_error(rd_kafka_error_t* error) {
  if (error != nullptr) rd_kafka_error_destroy(error);
}

}  // namespace

RdkafkaMember::RdkafkaMember(const MemberOptions& options) {
  Settings settings;
  settings.set("bootstrap.servers", options.broker);
  settings.set("group.id", options.group);
  settings.set("client.id", "member");
  settings.set("auto.offset.reset", "earliest");
  settings.set("auto.commit.interval.ms", "200");
  settings.set("session.timeout.ms", "6000");
  settings.set("heartbeat.interval.ms", "300");
  settings.set("fetch.wait.max.ms", "100");
  settings.set("check.crcs", "true");
  for (const auto& [key, value] : options.settings) settings.set(key.c_str(), value);
  rd_kafka_conf_set_log_cb(settings.get(), ignore_log);
  rd_kafka_conf_set_opaque(settings.get(), this);
  rd_kafka_conf_set_rebalance_cb(settings.get(), on_rebalance);
  client_ = settings.make_client(RD_KAFKA_CONSUMER);
  rd_kafka_poll_set_consumer(client_.get());
  const PartitionList topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options.topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(client_.get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(fmt::format("subscribe: {}", rd_kafka_err2str(error)));
  }
  thread_ = std::thread([this] { run(); });
}

RdkafkaMember::~RdkafkaMember() { leave(); }

void RdkafkaMember::run() {
  while (!must_end_) {
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(client_.get(), kPollMs);
    if (message != nullptr) {
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const std::lock_guard lock(mutex_);
        values_.emplace(static_cast<const char*>(message->payload), message->len);
      } else if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256];
        fatal_error_ = rd_kafka_fatal_error(client_.get(), text, sizeof(text));
      }
      rd_kafka_message_destroy(message);
    }
    std::set<std::int32_t> partitions = assigned_partitions(client_.get());
    const std::lock_guard lock(mutex_);
    partitions_ = std::move(partitions);
  }
}

void RdkafkaMember::end(Goodbye goodbye) {
  if (!thread_.joinable()) return;
  must_end_ = true;
  thread_.join();
  if (goodbye == Goodbye::kSaid) {
    rd_kafka_consumer_close(client_.get());
    client_.reset();
  } else {
    rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  const std::lock_guard lock(mutex_);
  partitions_.clear();
}

std::set<std::string> RdkafkaMember::values() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

std::set<std::int32_t> RdkafkaMember::partitions() const {
  const std::lock_guard lock(mutex_);
  return partitions_;
}

void RdkafkaMember::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                                 rd_kafka_topic_partition_list_t* partitions, void* self) {
  ++static_cast<RdkafkaMember*>(self)->rebalances_;
  // There is none while the consumer closes; librdkafka then takes either call for the end of
  // everything.
  const char* const protocol = rd_kafka_rebalance_protocol(client);
  const bool is_cooperative = protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
  const bool is_assignment = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  if (is_cooperative) {
    destroy_error(is_assignment ? rd_kafka_incremental_assign(client, partitions)
                                : rd_kafka_incremental_unassign(client, partitions));
  } else {
    rd_kafka_assign(client, is_assignment ? partitions : nullptr);
  }
}

}  // namespace penstock::tests
