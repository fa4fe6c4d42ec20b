// The consumers of a history: members of groups that come and go, a pipeline that makes results of
// orders in transactions, and one that watches the offsets of the groups.
//
// Threading: each consumer is its thread's. Ownership: the workload outlives them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "history_workload.h"

namespace penstock::tests {

struct GroupOptions {
  std::string name;
  history::Isolation isolation = history::Isolation::kAll;
  std::vector<std::uint32_t> topics;
  // Not cooperative-sticky: librdkafka 2.0.2 asserts when the leader leaves before it has assigned.
  std::string assignor = "range";
};

// One consumer in a group: what it is given is recorded.
class HistoryMember {
 public:
  HistoryMember(Workload& workload, const GroupOptions& group, const std::string& name);
  HistoryMember(const HistoryMember&) = delete;
  HistoryMember& operator=(const HistoryMember&) = delete;
  // Leaves the group, unless it has died.
  ~HistoryMember();

  // The message that came within that time.
  std::optional<history::Place> poll(int timeout_ms);
  // Where it goes on, in each partition that it has read of.
  const std::map<history::Partition, std::int64_t>& positions() const { return positions_; }
  // How often partitions were given or taken; then positions() are others'.
  int rebalances() const { return rebalances_; }
  // Asks the broker to keep positions().
  void commit();
  // Goes back to where the group is. False when that could not be had.
  bool rewind();
  // As a process that dies: nobody is told.
  void die();

  rd_kafka_t* client() const { return client_.get(); }

 private:
  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t event,
                           rd_kafka_topic_partition_list_t* partitions, void* self);
  void forget(const rd_kafka_topic_partition_list_t& partitions);
  history::Partition partition_of(const rd_kafka_topic_partition_t& element) const {
    return {.topic = workload_.number_of(element.topic), .index = element.partition};
  }

  Workload& workload_;
  const GroupOptions& group_;
  const std::string name_;
  std::map<history::Partition, std::uint64_t> readings_;
  std::map<history::Partition, std::int64_t> positions_;
  int rebalances_ = 0;
  Kafka client_;
};

// Members that join, read, commit and leave or die, one after the other.
void run_members(Workload& workload, const GroupOptions& group, const std::string& name, Random random);
// Reads orders and writes a result of each, in transactions that hold the group's offsets too.
void run_pipeline(Workload& workload, const GroupOptions& group, const std::string& name,
                  Random random);
// Asks again and again for the offsets of the groups, and once more when `is_last`.
void run_offset_watch(Workload& workload, const std::vector<GroupOptions>& groups, bool is_last);
// Reads everything that there is, when nobody works any more.
void read_logs(Workload& workload);

}  // namespace penstock::tests
