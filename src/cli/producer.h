// Producer: messages on their way into one topic.
//
// Collects messages into a batch per partition, and sends batches to the partitions' leaders: one
// request per leader at a time, one batch per partition in it, so a partition's messages keep their
// order over every retry. What may pass by itself (a leader that moves, a connection that is lost) is
// tried again until a batch's time is over. A request of which the answer was lost is sent again;
// batches are numbered, so that the broker drops what it has already (KIP-98), unless that is not
// wanted, the broker cannot, or less than all replicas are asked: then messages may arrive twice. A
// batch above the topic's limit is sent in halves.
//
// The caller's loop: add() while has_room(), then poll what poll_set() says for at most next_step_in(),
// then step(). After finish(), until is_idle().
//
// Ownership: the cluster, and the interrupt if there is one, must outlive this. Threading: one thread
// at a time.
#pragma once

#include <poll.h>

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/kafka_cluster.h"
#include "cli/kafka_retry.h"
#include "kafka/messages/produce.h"
#include "kafka/record.h"

namespace penstock::cli {

enum class Acks : std::int8_t { kAll = -1, kNone = 0, kLeader = 1 };

struct ProducerOptions {
  Acks acks = Acks::kAll;
  kafka::Compression compression = kafka::Compression::kNone;
  // A batch is sent when it has so many bytes, before compression, or when its first message has waited
  // for so long.
  std::size_t batch_bytes = 256 * kKiB;
  std::chrono::milliseconds linger{5};
  // After the first attempt a batch is given up, and with it everything.
  std::chrono::milliseconds timeout{30'000};
  std::optional<std::int32_t> partition{};  // for every message, whatever its key
  // Of all batches that wait or are under way.
  std::size_t max_buffered_bytes = 64 * kMiB;
  // Numbers batches, where brokers know what that means; only with Acks::kAll.
  bool is_idempotent = true;
  // Chooses where messages without a key begin.
  std::uint64_t seed = 0;
};

struct ProducedMessage {
  std::int64_t timestamp_ms = 0;
  std::optional<ByteView> key{};
  std::optional<ByteView> value{};
  std::span<const kafka::RecordHeaderView> headers{};
  std::uint64_t line = 0;  // what error messages call it
};

struct ProducerStats {
  std::uint64_t added = 0;
  std::uint64_t acknowledged = 0;  // with acks 0: handed to the connection
  std::uint64_t bytes = 0;         // of keys and values that were added
};

class Producer {
 public:
  using SteadyClock = std::chrono::steady_clock;

  // Finds the topic, which the broker may create. Errors: those of KafkaCluster; kOutOfRange for a
  // partition that it does not have.
  static Result<Producer> open(KafkaCluster& cluster, const std::string& topic,
                               const ProducerOptions& options, const Interrupt* interrupt = nullptr);

  // Whether its batches are numbered, so that none arrives twice.
  bool is_idempotent() const { return identity_.id >= 0; }
  // Whether add() may be called: less than max_buffered_bytes wait, and nothing has failed.
  bool has_room() const;
  // Copies the message in.
  void add(const ProducedMessage& message);
  // No more messages come: batches do not wait for company.
  void finish() { finished_ = true; }

  // Takes answers, sends what is due, asks for new leaders. May wait for a connection or for the rest
  // of an answer of which the beginning is there.
  void step();
  // Nothing waits or is under way; or something has failed, and nothing is under way.
  bool is_idle() const;
  // When step() is due even if no descriptor is ready.
  std::chrono::milliseconds next_step_in() const;
  void add_to(std::vector<pollfd>& poll_set) const;

  const ProducerStats& stats() const { return stats_; }
  // Why it has stopped sending.
  const std::optional<Error>& failure() const { return failure_; }
  // The lowest line that was added and not acknowledged.
  std::optional<std::uint64_t> first_unacknowledged() const;

 private:
  struct Batch {
    std::vector<std::byte> bytes;
    std::vector<std::uint64_t> lines;
    std::optional<Deadline> give_up{};  // from the first attempt on
  };
  struct Partition {
    std::int32_t index = 0;
    std::int32_t leader = -1;
    std::optional<kafka::RecordBatchBuilder> open{};  // that is being filled
    std::vector<std::uint64_t> open_lines{};
    SteadyClock::time_point opened_at{};
    std::deque<Batch> ready{};
    std::int32_t next_sequence = 0;  // of the next record that is put into a batch
  };
  struct SentBatch {
    Partition* partition;
    Batch batch;
  };
  struct Request {
    KafkaConnection* connection;
    std::vector<SentBatch> batches;
    Deadline deadline;
  };

  Producer(KafkaCluster& cluster, std::string topic, const ProducerOptions& options,
           const Interrupt* interrupt);

  Deadline deadline(std::chrono::milliseconds from_now) const;
  // Of a batch of the partition that begins with this sequence number.
  kafka::BatchOptions batch_options(std::int32_t base_sequence) const;
  void take_leaders(const KafkaCluster::Topic& topic);
  Partition& partition_for(const ProducedMessage& message, std::size_t bytes);
  void close(Partition& partition);
  void close_due_batches();
  void refresh_leaders();
  void send_due_batches();
  void send(std::int32_t leader, const std::vector<Partition*>& partitions);
  void take_answers();
  void take(std::int32_t leader, Request request);
  void take_result(SentBatch sent, const kafka::ProduceResponse::Partition* result);
  void acknowledge(const Batch& batch);
  // Puts batches back, to be tried again, or fails when their time is over.
  void retry(std::vector<SentBatch> batches, const Error& why);
  void split(SentBatch sent);
  void fail_with(const Batch& batch, const Error& why);

  KafkaCluster* cluster_;
  std::string topic_;
  ProducerOptions options_;
  const Interrupt* interrupt_;
  OwnConnections connections_;
  ProducerIdentity identity_;
  std::map<std::int32_t, Partition> partitions_;
  std::map<std::int32_t, Request> requests_;  // under way, by leader
  std::int32_t unkeyed_partition_ = 0;
  std::size_t buffered_bytes_ = 0;
  bool finished_ = false;
  bool leaders_are_stale_ = false;
  SteadyClock::time_point no_sooner_than_{};  // the pause before the next attempt
  Backoff backoff_;
  ProducerStats stats_;
  std::optional<Error> failure_;
};

}  // namespace penstock::cli
