// Consumer: reads partitions of one topic from their leaders.
//
// One fetch per leader is under way at a time. Leaders that move and connections that are lost are
// tried again, until a partition has had no success for the timeout. What retention has deleted in
// front of a position is passed over, with a warning.
//
// Ownership: the cluster, and the interrupt if there is one, must outlive this. Threading: one thread
// at a time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/fetched_records.h"
#include "cli/kafka_cluster.h"
#include "cli/kafka_retry.h"
#include "kafka/messages/fetch.h"

namespace penstock::cli {

using PartitionPositions = std::map<std::int32_t, Offset>;

struct ConsumerOptions {
  std::string topic;
  Isolation isolation = Isolation::kReadCommitted;
  std::chrono::milliseconds timeout{30'000};
  // Reads up to what is there when assign() is called, and no further.
  bool ends_at_end = false;
  // Told what a person should know and need not end the reading.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class Consumer {
 public:
  // A message, and whether there is to be another one. That it returns an error ends poll() with it.
  // The position is behind the message only when it has returned a value.
  using Visit = std::function<Result<bool>(std::int32_t partition, const kafka::RecordView& record)>;

  Consumer(KafkaCluster& cluster, ConsumerOptions options, const Interrupt* interrupt = nullptr)
      : cluster_(&cluster),
        options_(std::move(options)),
        interrupt_(interrupt),
        connections_(cluster) {}

  // What to read from now on, in place of what was before; `topic` is what the cluster told last.
  // Errors: kNotFound for a partition that the topic does not have; those of
  // KafkaCluster::list_offsets().
  Result<void> assign(const KafkaCluster::Topic& topic, const PartitionPositions& positions);

  // Shows `visit` the messages of the next answer; waits for one no longer than `patience`. False when
  // `visit` wants no more. Errors: those of the brokers, as to_error() puts them; kCorrupt, with the
  // offsets, for a batch that is damaged; kClosed when the interrupt came.
  Result<bool> poll(std::chrono::milliseconds patience, const Visit& visit);

  // The next offset to be read of each partition: behind everything that was visited.
  PartitionPositions positions() const;
  // Everything there was at assign() has been read. Only with ends_at_end.
  bool is_at_end() const;

 private:
  struct Partition {
    std::int32_t leader = -1;
    Offset position;
    std::optional<Offset> end{};        // where reading ends
    std::optional<Deadline> give_up{};  // of the trouble it is in

    bool is_done() const { return end && position >= *end; }
  };
  struct Request {
    KafkaConnection* connection;
    std::vector<std::int32_t> partitions;
    Deadline deadline;
  };
  using Answer = kafka::FetchResponse::Partition;

  Deadline deadline(std::chrono::milliseconds from_now) const;
  Result<void> refresh_leaders();
  void take_leaders(const KafkaCluster::Topic& topic);
  Result<void> send_fetches();
  Result<void> send_fetch(std::int32_t leader, const std::vector<std::int32_t>& partitions);
  // The leaders that have answered, or not in time.
  std::vector<std::int32_t> wait(std::chrono::milliseconds patience);
  Result<bool> take_answer(std::int32_t leader, const Visit& visit);
  Result<bool> take_partition(Partition& partition, const Answer& answer, bool is_first,
                              const Visit& visit);
  Result<void> take_error(Partition& partition, const Answer& answer);
  Result<void> go_where_it_begins(std::int32_t index, Partition& partition);
  // Tries again later, or fails when the partition's time is over.
  Result<void> retry(Partition& partition, const Error& why);
  std::string name_of(std::int32_t partition) const;

  KafkaCluster* cluster_;
  ConsumerOptions options_;
  const Interrupt* interrupt_;
  OwnConnections connections_;
  kafka::Uuid topic_id_{};
  std::map<std::int32_t, Partition> partitions_;
  std::map<std::int32_t, Request> requests_;  // under way, by leader
  std::int32_t next_first_ = 0;               // the partition that is first in the next fetch
  std::int32_t fetch_bytes_ = 0;              // set by assign()
  bool leaders_are_stale_ = false;
  std::chrono::steady_clock::time_point no_sooner_than_{};
  Backoff backoff_;
};

}  // namespace penstock::cli
