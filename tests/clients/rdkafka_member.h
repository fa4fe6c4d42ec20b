// RdkafkaMember: a librdkafka consumer in a group, polled by a thread of its own.
//
// Ownership: the thread and the consumer are the object's; a member that is still there leaves in the
// destructor. Threading: any thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "rdkafka_client.h"

namespace penstock::tests {

struct MemberOptions {
  std::string broker;
  std::string group;
  std::string topic;
  std::map<std::string, std::string> settings = {};  // more of librdkafka's
};

class RdkafkaMember {
 public:
  explicit RdkafkaMember(const MemberOptions& options);
  RdkafkaMember(const RdkafkaMember&) = delete;
  RdkafkaMember& operator=(const RdkafkaMember&) = delete;
  ~RdkafkaMember();

  // Commits and says goodbye; a static member says nothing.
  void leave() { end(Goodbye::kSaid); }
  // As a process that dies: its connections end, and nobody is told.
  void die() { end(Goodbye::kNotSaid); }

  std::set<std::string> values() const;
  std::set<std::int32_t> partitions() const;
  // How often it was given partitions, or had them taken away.
  int rebalances() const { return rebalances_; }
  // The code of the error that it cannot go on with.
  rd_kafka_resp_err_t fatal_error() const { return fatal_error_; }

 private:
  enum class Goodbye { kSaid, kNotSaid };

  void run();
  void end(Goodbye goodbye);
  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                           rd_kafka_topic_partition_list_t* partitions, void* self);

  Kafka client_;
  mutable std::mutex mutex_;
  std::set<std::string> values_;
  std::set<std::int32_t> partitions_;
  std::atomic<int> rebalances_ = 0;
  std::atomic<rd_kafka_resp_err_t> fatal_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::atomic<bool> must_end_ = false;
  std::thread thread_;
};

}  // namespace penstock::tests
