// Settings: what an operator decides about a broker, as values that have been checked.
//
// src/server reads them from the configuration file, the environment and flags.
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"
#include "group/settings.h"
#include "log/partition.h"
#include "transaction/settings.h"

namespace penstock::broker {

// How many requests may wait for something to happen; see WaitingRequests.
struct WaitingLimits {
  std::size_t of_connection = 16;  // clients have one or two
  std::size_t of_shard = 16'384;
  std::uint64_t bytes_of_shard = 64 * kMiB;  // of the requests themselves
};

struct Settings {
  std::int32_t node_id = 1;
  std::string cluster_id = "penstock";

  // Where clients are told to connect.
  std::string advertised_host = "127.0.0.1";
  std::int32_t advertised_port = 9092;

  // Whether asking for the metadata of a topic that does not exist creates it.
  bool auto_create_topics = true;
  // Partitions of a topic that is created without saying how many.
  std::int32_t default_partitions = 1;
  // The largest record batch that producers may send, header included. Kafka's message.max.bytes.
  std::int32_t max_message_bytes = 1024 * 1024 + 12;
  // The most that one Fetch response carries, whatever the client asks for (one batch may exceed it).
  std::uint64_t max_fetch_bytes = 55 * kMiB;
  // The most fetch sessions (KIP-227) of each shard; zero: every fetch names all its partitions.
  // Kafka's max.incremental.fetch.session.cache.slots, which is of the whole broker.
  std::uint64_t max_fetch_sessions = 1000;
  // The most partitions on this broker, over all topics.
  std::int32_t max_partitions = 20'000;

  // How long records are kept at least; zero: for ever. Kafka's log.retention.ms.
  Duration retention_time = std::chrono::hours(7 * 24);
  // How much of each partition is kept at least; zero: all. Kafka's log.retention.bytes.
  std::uint64_t retention_bytes = 0;
  // How often what is not kept any more is looked for.
  Duration retention_check_interval = std::chrono::minutes(5);

  // How long between two rounds in which every sealed segment is verified; zero: never.
  Duration scrub_interval = std::chrono::hours(7 * 24);
  // How fast each shard reads for that.
  std::uint64_t scrub_bytes_per_second = 16 * kMiB;

  // Whether sealed segments that are largely padding are rewritten without it.
  bool compaction_enabled = true;
  // How often such segments are looked for.
  Duration compaction_check_interval = std::chrono::minutes(10);
  // From which share of padding on, and how fast each shard reads and writes for that.
  log::CompactionOptions compaction;

  log::PartitionOptions partition;

  WaitingLimits waiting;

  // Bytes of answers that may lie in each shard's memory, over all its connections.
  std::uint64_t answer_bytes = 256 * kMiB;

  group::GroupSettings groups;

  transaction::TransactionSettings transactions;
};

}  // namespace penstock::broker
