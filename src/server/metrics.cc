#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

namespace penstock::server {

namespace {

using Shard = ShardStats;

// Writes the samples of one metric.
class Samples {
 public:
  Samples(std::string& text, std::string_view name) : text_(text), name_(name) {}

  // `labels` is empty or "a=\"b\",c=\"d\"".
  template <typename Number>
  void add(std::string_view labels, Number value, std::string_view suffix = "") {
    const bool has_labels = !labels.empty();
    fmt::format_to(std::back_inserter(text_), "{}{}{}{}{} {}\n", name_, suffix, has_labels ? "{" : "",
                   labels, has_labels ? "}" : "", value);
  }

 private:
  std::string& text_;
  std::string_view name_;
};

// How many bytes the character at the beginning of `text` takes; 0 when it is not UTF-8 (RFC 3629).
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t bytes = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool is_overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool is_no_character = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return is_overlong || is_no_character ? 0 : bytes;
}

// A value in a label, with what is special escaped. Clients choose the names of groups: one that is not
// UTF-8 would make the whole text unreadable.
std::string label_value(std::string_view value) {
  std::string escaped;
  while (!value.empty()) {
    const std::size_t bytes = character_bytes(value);
    const char first = value[0];
    if (bytes == 0) {
      escaped += fmt::format("\\\\x{:02x}", static_cast<unsigned char>(first));
    } else if (first == '\n') {
      escaped += "\\n";
    } else {
      if (first == '\\' || first == '"') escaped.push_back('\\');
      escaped += value.substr(0, bytes);
    }
    value.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return escaped;
}

enum class Type { kCounter, kGauge, kHistogram };

std::string_view to_string(Type type) {
  switch (type) {
    case Type::kCounter: return "counter";
    case Type::kGauge: return "gauge";
    case Type::kHistogram: return "histogram";
  }
  return "untyped";
}

struct Metric {
  std::string_view name;
  Type type;
  std::string_view unit;    // "bytes", "seconds"; empty for a plain count
  std::string_view labels;  // beside the values that it has: "shard, api"
  std::string_view help;
  // One of the two.
  void (*of_server)(const ServerStats& server, const AllShardStats& shards, Samples& samples) = nullptr;
  void (*of_shard)(const Shard& shard, const std::string& label, Samples& samples) = nullptr;
};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// --- One line for each metric --------------------------------------------------------------------

// kGet: a number of a shard's snapshot.
template <auto kGet>
constexpr Metric shard_number(std::string_view name, Type type, std::string_view unit,
                              std::string_view help) {
  Metric metric{name, type, unit, "shard", help};
  metric.of_shard = [](const Shard& shard, const std::string& label, Samples& samples) {
    samples.add(label, kGet(shard));
  };
  return metric;
}
#define COUNT(name, unit, field, help) \
  shard_number<[](const Shard& shard) { return shard.field; }>(name, Type::kCounter, unit, help)
#define GAUGE(name, unit, field, help) \
  shard_number<[](const Shard& shard) { return shard.field; }>(name, Type::kGauge, unit, help)

// kGet: a number of the server.
template <auto kGet>
constexpr Metric server_number(std::string_view name, Type type, std::string_view unit,
                               std::string_view help) {
  Metric metric{name, type, unit, "", help};
  metric.of_server = [](const ServerStats& server, const AllShardStats&, Samples& samples) {
    samples.add("", kGet(server));
  };
  return metric;
}
#define SERVER_GAUGE(name, unit, value, help) \
  server_number<[](const ServerStats& server) { return value; }>(name, Type::kGauge, unit, help)
#define SERVER_COUNT(name, field, help) \
  server_number<[](const ServerStats& server) { return server.field; }>(name, Type::kCounter, "", help)

// --- Those with more to them ---------------------------------------------------------------------

void write_info(const ServerStats& server, const AllShardStats&, Samples& samples) {
  samples.add(fmt::format("version=\"{}\",io_mode=\"{}\",io_uring=\"{}\"", label_value(server.version),
                          label_value(server.io_mode), server.uses_uring ? "yes" : "no"),
              1);
}

void write_shards_up(const ServerStats&, const AllShardStats& shards, Samples& samples) {
  for (std::size_t i = 0; i < shards.size(); ++i)
    samples.add(fmt::format("shard=\"{}\"", i), shards[i] ? 1 : 0);
}

void write_partitions(const Shard& shard, const std::string& label, Samples& samples) {
  samples.add(label + ",state=\"open\"", shard.partitions.open);
  samples.add(label + ",state=\"fenced\"", shard.partitions.fenced);
  samples.add(label + ",state=\"failed\"", shard.partitions.failed);
}

void write_stalls(const Shard& shard, const std::string& label, Samples& samples) {
  samples.add(label + ",cause=\"storage\"", shard.loop.storage.stall_count);
  samples.add(label + ",cause=\"other\"", shard.loop.other.stall_count);
}

void write_longest_turns(const Shard& shard, const std::string& label, Samples& samples) {
  samples.add(label + ",cause=\"storage\"", seconds(shard.loop.storage.longest));
  samples.add(label + ",cause=\"other\"", seconds(shard.loop.other.longest));
}

void write_requests(const Shard& shard, const std::string& label, Samples& samples) {
  for (std::size_t i = 0; i < kafka::kApis.size(); ++i) {
    if (!kafka::kApis[i].is_served()) continue;
    samples.add(fmt::format("{},api=\"{}\"", label, kafka::kApis[i].name),
                shard.broker.apis[i].requests);
  }
}

void write_errors(const Shard& shard, const std::string& label, Samples& samples) {
  for (std::size_t i = 0; i < kafka::kApis.size(); ++i) {
    if (!kafka::kApis[i].is_served()) continue;
    for (const broker::ErrorClass error_class : broker::kErrorClasses) {
      samples.add(fmt::format("{},api=\"{}\",class=\"{}\"", label, kafka::kApis[i].name,
                              broker::to_string(error_class)),
                  shard.broker.apis[i].errors[static_cast<std::size_t>(error_class)]);
    }
  }
}

void write_histogram(const LatencyHistogram& histogram, const std::string& label, Samples& samples) {
  constexpr double kMicrosecondsPerSecond = 1e6;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < LatencyHistogram::kBoundsUs.size(); ++i) {
    below += histogram.counts()[i];
    const double bound = static_cast<double>(LatencyHistogram::kBoundsUs[i]) / kMicrosecondsPerSecond;
    samples.add(fmt::format("{},le=\"{}\"", label, bound), below, "_bucket");
  }
  samples.add(label + ",le=\"+Inf\"", histogram.count(), "_bucket");
  samples.add(label, seconds(histogram.sum()), "_sum");
  samples.add(label, histogram.count(), "_count");
}

void write_stages(const Shard& shard, const std::string& label, Samples& samples) {
  write_histogram(shard.log.queue_latency, label + ",stage=\"queue\"", samples);
  if (shard.ring) write_histogram(shard.ring->submit_latency, label + ",stage=\"submit\"", samples);
  write_histogram(shard.log.device_latency, label + ",stage=\"device\"", samples);
  write_histogram(shard.log.ack_latency, label + ",stage=\"ack\"", samples);
}

void write_lags(const ServerStats& server, const AllShardStats&, Samples& samples) {
  for (const broker::PartitionLag& lag : server.lags.lags) {
    samples.add(fmt::format("group=\"{}\",topic=\"{}\",partition=\"{}\"", label_value(lag.group),
                            label_value(lag.topic), lag.partition),
                lag.messages);
  }
}

template <typename Ring>
std::uint64_t of_ring(const Shard& shard, Ring UringStats::* number) {
  return shard.ring ? (*shard.ring).*number : 0;
}
#define RING_COUNT(name, field, help)                                                  \
  shard_number<[](const Shard& shard) { return of_ring(shard, &UringStats::field); }>( \
      name, Type::kCounter, "", help)

constexpr Metric of_shard(std::string_view name, Type type, std::string_view unit,
                          std::string_view labels, std::string_view help,
                          void (*write)(const Shard&, const std::string&, Samples&)) {
  return {name, type, unit, labels, help, nullptr, write};
}
constexpr Metric of_server(std::string_view name, std::string_view labels, std::string_view help,
                           void (*write)(const ServerStats&, const AllShardStats&, Samples&)) {
  return {name, Type::kGauge, "", labels, help, write, nullptr};
}

// --- The table -----------------------------------------------------------------------------------

constexpr Metric kServerMetrics[] = {
    of_server("penstock_info", "version, io_mode, io_uring",
              "Always 1; its labels tell what runs, and how data reaches the device.", write_info),
    of_server("penstock_shard_up", "shard",
              "Whether the shard answered in time; the other metrics of one that did not are missing.",
              write_shards_up),
    SERVER_GAUGE("penstock_ready", "", server.phase == ServerStats::Phase::kReady ? 1 : 0,
                 "Whether clients can connect."),
    SERVER_GAUGE("penstock_start_seconds", "seconds", seconds(server.start_took),
                 "From the start of the process's work until clients could connect."),
    SERVER_GAUGE("penstock_recovery_segments", "", server.recovery.segment_count,
                 "Segments that the start found."),
    SERVER_GAUGE("penstock_recovery_scanned_segments", "", server.recovery.scanned_segment_count,
                 "Segments that it had to scan because they were not sealed."),
    SERVER_GAUGE("penstock_recovery_scanned_bytes", "bytes", server.recovery.scanned_bytes,
                 "What it read for that."),
    SERVER_GAUGE("penstock_recovery_torn_bytes", "bytes", server.recovery.torn_bytes,
                 "What it cut off: parts of commits that were never acknowledged."),
    SERVER_GAUGE("penstock_recovery_findings", "", server.recovery.findings.size(),
                 "Damage that it found; each is in the log."),
    SERVER_GAUGE("penstock_uring_worker_threads", "", server.kernel_worker_count,
                 "Threads that the kernel has started for this process to carry out operations that "
                 "io_uring could not (io-wq): more than a few say that it punts."),
    SERVER_COUNT(
        "penstock_catalog_writes_total", catalog.writes,
        "Changes of the catalog (topics, consumer groups, committed offsets) that are durable."),
    SERVER_COUNT("penstock_catalog_syncs_total", catalog.syncs,
                 "What they took: changes that wait share a sync."),
    SERVER_COUNT("penstock_catalog_failed_writes_total", catalog.failed_writes,
                 "Changes that were refused: the disk is full, or the device failed."),
};

constexpr Metric kLogMetrics[] = {
    of_shard("penstock_partitions", Type::kGauge, "", "shard, state",
             "Partitions: open; fenced (readable, refusing appends: see `penstock topic reopen`); "
             "failed (could not be opened).",
             write_partitions),
    GAUGE("penstock_log_bytes", "bytes", partitions.bytes, "Data of all segments."),
    COUNT("penstock_appends_total", "", log.appends, "Record batches taken in."),
    COUNT("penstock_appended_records_total", "", log.appended_records, "Records in them."),
    COUNT("penstock_appended_bytes_total", "bytes", log.appended_bytes,
          "Of the batches, as producers sent them."),
    COUNT("penstock_memory_acknowledged_appends_total", "", log.memory_acknowledged,
          "Of the appends: acknowledged before they were on the device (topics with commit=batch)."),
    COUNT("penstock_refused_appends_total", "", log.refused_appends,
          "Record batches refused because their partition is fenced."),
    COUNT("penstock_commits_total", "", log.commits, "Durable device writes of record batches."),
    COUNT("penstock_committed_bytes_total", "bytes", log.committed_bytes,
          "Of them: whole blocks, with headers and padding."),
    COUNT("penstock_payload_bytes_total", "bytes", log.payload_bytes,
          "The part of committed bytes that is record batches."),
    COUNT("penstock_pad_bytes_total", "bytes", log.pad_bytes,
          "The part of committed bytes that only fills blocks."),
    of_shard("penstock_stage_seconds", Type::kHistogram, "seconds", "shard, stage, le",
             "What commits take: queue (from the first batch in it until its write begins), submit "
             "(handing operations to the kernel, once for each time; io_uring only), device (from its "
             "write until it is durable), ack (from there until it is acknowledged, in its order).",
             write_stages),
    COUNT("penstock_failed_commits_total", "", log.failed_commits, "Commits whose write failed."),
    COUNT("penstock_fences_total", "", log.fences,
          "Times that a failed write made a partition refuse appends."),
    COUNT("penstock_out_of_space_total", "", log.no_space,
          "Times that a partition began to refuse appends for lack of space."),
    COUNT("penstock_reopened_partitions_total", "", broker.reopened_partitions,
          "Partitions that were verified and opened again on request."),
    COUNT("penstock_segments_begun_total", "", log.segments_begun, "Segments taken into use."),
    COUNT("penstock_segments_deleted_total", "", log.segments_deleted,
          "Segments deleted from the beginning of a log, by retention or on request."),
    COUNT("penstock_deleted_bytes_total", "bytes", log.deleted_bytes, "Data of those segments."),
};

constexpr Metric kReadMetrics[] = {
    COUNT("penstock_tail_reads_total", "", log.tail_reads,
          "Reads served from the newest bytes in memory."),
    COUNT("penstock_tail_read_bytes_total", "bytes", log.tail_read_bytes, "Bytes of them."),
    GAUGE("penstock_tail_bytes", "bytes", tail_bytes,
          "Memory that holds the newest batches (storage.tail_bytes)."),
    COUNT("penstock_segment_reads_total", "", log.device_reads, "Reads served from segments."),
    COUNT("penstock_segment_read_bytes_total", "bytes", log.device_read_bytes, "Bytes of them."),
    GAUGE("penstock_cursors", "", cursors,
          "Consumers behind the tail for whom the server reads ahead."),
    COUNT("penstock_cursors_opened_total", "", catch_up.opened, "Times that reading ahead began."),
    COUNT("penstock_cursor_reads_total", "", catch_up.continued,
          "Reads of segments that went on where the one before ended."),
    COUNT("penstock_reads_without_cursor_total", "", catch_up.without,
          "Reads of segments for which there was no memory to read ahead (storage.read_memory_bytes)."),
    COUNT("penstock_cursor_crossings_total", "", catch_up.crossed,
          "Of the cursors' reads: into the next segment, which was being read already."),
    COUNT("penstock_cache_hit_bytes_total", "bytes", cache.hit_bytes,
          "Bytes of segments that were in the cache (storage.block_cache_bytes)."),
    COUNT("penstock_cache_missed_bytes_total", "bytes", cache.missed_bytes,
          "Bytes that were not, and came from the device."),
    COUNT("penstock_cache_kept_blocks_total", "", cache.kept_blocks,
          "Blocks that have entered the cache."),
    COUNT("penstock_cache_forgotten_total", "", cache.forgotten,
          "Times that a segment's blocks were thrown away as suspect."),
};

constexpr Metric kUpkeepMetrics[] = {
    COUNT("penstock_compacted_segments_total", "", log.compacted_segments,
          "Segments rewritten without their padding."),
    COUNT("penstock_compaction_written_bytes_total", "bytes", log.compaction_written_bytes,
          "What was written for that."),
    COUNT("penstock_compaction_reclaimed_bytes_total", "bytes", log.compaction_reclaimed_bytes,
          "Space that it gave back."),
    COUNT("penstock_damage_findings_total", "", log.damage_findings,
          "Damage met by reads and scrubs; each is in the log."),
    COUNT("penstock_scrubbed_bytes_total", "bytes", log.scrubbed_bytes,
          "What scrubs have read and found right."),
    COUNT("penstock_scrub_findings_total", "", log.scrub_findings,
          "Segments in which a scrub found damage."),
    COUNT("penstock_scrubbed_partitions_total", "", log.scrub_rounds,
          "Partitions that a scrub went through to the end."),
    GAUGE("penstock_pool_spare_bytes", "bytes", pool_spare_bytes,
          "Segment files in the pool: ready, being prepared, or waiting for that."),
    GAUGE("penstock_pool_ready_files", "", pool_ready_files, "Files in the pool that are ready."),
    COUNT("penstock_pool_taken_ready_total", "", pool.taken_ready,
          "Segment files that were ready when they were needed."),
    COUNT("penstock_pool_taken_retired_total", "", pool.taken_retired,
          "Retired segment files that had to be filled up first."),
    COUNT("penstock_pool_taken_made_total", "", pool.taken_made,
          "Segment files that had to be made first."),
    COUNT("penstock_pool_retired_total", "", pool.retired,
          "Segment files that came back and are used again."),
    COUNT("penstock_pool_removed_total", "", pool.removed,
          "Segment files that came back and were removed."),
    COUNT("penstock_zero_bytes_total", "bytes", pool.zero_bytes,
          "Zeros written to prepare segment files."),
};

constexpr Metric kServingMetrics[] = {
    GAUGE("penstock_connections", "", connections.open, "Connections of clients."),
    COUNT("penstock_connections_accepted_total", "", connections.accepted,
          "Connections that were taken."),
    COUNT("penstock_connections_refused_total", "", connections.refused,
          "Connections closed at once because there were too many."),
    COUNT("penstock_received_bytes_total", "bytes", connections.received_bytes,
          "Bytes that clients have sent."),
    COUNT("penstock_sent_bytes_total", "bytes", connections.sent_bytes,
          "Bytes that were sent to them."),
    GAUGE("penstock_request_bytes", "bytes", connections.request_bytes,
          "Requests in memory (server.inflight_bytes_per_shard)."),
    GAUGE("penstock_response_bytes", "bytes", connections.answer_bytes,
          "Responses in memory (server.unsent_bytes_per_shard)."),
    COUNT("penstock_connections_closed_for_input_total", "", connections.bad_input,
          "Connections closed because what they sent could not be followed."),
    COUNT("penstock_connections_closed_as_slow_total", "", connections.too_slow,
          "Connections closed because a request took too long to arrive, or responses were not taken, "
          "or either came slowly while memory was short."),
    of_shard("penstock_requests_total", Type::kCounter, "", "shard, api",
             "Requests, by Kafka's name of the API.", write_requests),
    of_shard("penstock_request_errors_total", Type::kCounter, "", "shard, api, class",
             "Errors in answers, one for each topic or partition: client (cannot be done), retry "
             "(later, or elsewhere), storage (the device), damage (what is stored).",
             write_errors),
    GAUGE("penstock_fetch_sessions", "", broker.fetch_sessions.sessions,
          "Fetch sessions: consumers whose requests need not name all their partitions."),
    GAUGE("penstock_fetch_session_partitions", "", broker.fetch_sessions.partitions,
          "Partitions in them."),
    COUNT("penstock_fetch_sessions_created_total", "", broker.fetch_sessions.created,
          "Fetch sessions that were begun."),
    COUNT("penstock_fetch_sessions_evicted_total", "", broker.fetch_sessions.evicted,
          "Of them, those that had to make room for others (broker.max_fetch_sessions)."),
    COUNT("penstock_incremental_fetches_total", "", broker.fetch_sessions.incremental_fetches,
          "Fetch requests within sessions."),
    COUNT("penstock_fetched_batches_total", "", broker.fetched_batches,
          "Record batches in answers to Fetch."),
    COUNT("penstock_fetched_bytes_total", "bytes", broker.fetched_bytes, "Bytes of them."),
    GAUGE("penstock_waiting_requests", "", broker.waiting_requests,
          "Requests that wait for something to happen: Fetch for messages, JoinGroup and SyncGroup for "
          "other members."),
    GAUGE("penstock_waiting_request_bytes", "bytes", broker.waiting_bytes, "Bytes of them."),
    COUNT("penstock_refused_waits_total", "", broker.refused_waits,
          "Requests that would have waited and found no place (server.waiting_requests_per_connection, "
          "_per_shard, server.waiting_bytes_per_shard)."),
    COUNT("penstock_refused_requests_total", "", broker.refused_requests,
          "Requests that could not be followed; their connection was closed."),
};

constexpr Metric kGroupMetrics[] = {
    GAUGE("penstock_groups", "", groups.groups, "Consumer groups, with members or without."),
    GAUGE("penstock_group_members", "", groups.members, "Their members."),
    COUNT("penstock_group_rebalances_total", "", groups.rebalances, "Rebalances that began."),
    GAUGE("penstock_committed_offsets", "", groups.offsets,
          "Offsets that groups have committed and that are kept."),
    COUNT("penstock_offset_commits_total", "", groups.commits, "Requests to commit offsets."),
    COUNT("penstock_group_memory_refusals_total", "", groups.refused,
          "Requests of members, and offsets, for which there was no memory (groups.memory_bytes)."),
    of_server("penstock_group_lag", "group, topic, partition",
              "Messages between what a group has committed for a partition and the partition's end. At "
              "most admin.lag_partitions of them, the first by shard and name.",
              write_lags),
    SERVER_GAUGE("penstock_group_lag_left_out", "", server.lags.left_out,
                 "Partitions that groups have committed for and that are not among these: too many, or "
                 "not there any more."),
};

constexpr Metric kTransactionMetrics[] = {
    GAUGE("penstock_transactional_ids", "", transactions.ids, "Transactional ids that are remembered."),
    GAUGE("penstock_open_transactions", "", transactions.ongoing, "Transactions that are not decided."),
    COUNT("penstock_committed_transactions_total", "", transactions.committed,
          "Transactions that are committed, with their markers."),
    COUNT("penstock_aborted_transactions_total", "", transactions.aborted,
          "Transactions that are aborted, with their markers."),
    COUNT("penstock_timed_out_transactions_total", "", transactions.timed_out,
          "Transactions that took too long and were aborted for it."),
    COUNT("penstock_transaction_marker_failures_total", "", transactions.marker_failures,
          "Tries in which not all markers of a decided transaction could be written."),
};

constexpr Metric kLoopMetrics[] = {
    COUNT("penstock_event_loop_turns_total", "", loop.turn_count, "Turns of the shard's event loop."),
    of_shard("penstock_event_loop_stalls_total", Type::kCounter, "", "shard, cause",
             "Turns of more than 1 ms: storage (handing operations to the kernel took that long by "
             "itself) or other.",
             write_stalls),
    of_shard(
        "penstock_event_loop_longest_turn_seconds", Type::kGauge, "seconds", "shard, cause",
        "The longest turn since the start: what storage took of it, and turns that it did not stall.",
        write_longest_turns),
    RING_COUNT("penstock_uring_enters_total", enter_count,
               "System calls of the shard's io_uring; 0 without one."),
    RING_COUNT("penstock_uring_operations_total", submitted_count, "Operations handed to it."),
    RING_COUNT("penstock_uring_queue_full_total", queue_full_count,
               "Operations that found its queue full."),
    RING_COUNT("penstock_uring_punted_total", forced_async_count,
               "Operations that the server gave to the kernel's worker threads (io-wq), because they "
               "had been turned away; what the kernel moves there by itself shows only in "
               "penstock_uring_worker_threads."),
    RING_COUNT("penstock_uring_turned_away_total", turned_away_count,
               "Operations that the kernel turned away; they were made again."),
};

#undef COUNT
#undef GAUGE
#undef SERVER_GAUGE
#undef SERVER_COUNT
#undef RING_COUNT

constexpr std::span<const Metric> kMetrics[] = {kServerMetrics,      kLogMetrics,     kReadMetrics,
                                                kUpkeepMetrics,      kServingMetrics, kGroupMetrics,
                                                kTransactionMetrics, kLoopMetrics};

std::vector<std::string> shard_labels(std::size_t count) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back(fmt::format("shard=\"{}\"", i));
  return labels;
}

}  // namespace

std::string metrics_text(const ServerStats& server, const AllShardStats& shards) {
  std::string text;
  const std::vector<std::string> labels = shard_labels(shards.size());
  for (const std::span<const Metric> part : kMetrics) {
    for (const Metric& metric : part) {
      fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", metric.name, metric.help,
                     metric.name, to_string(metric.type));
      Samples samples(text, metric.name);
      if (metric.of_server != nullptr) metric.of_server(server, shards, samples);
      for (std::size_t i = 0; metric.of_shard != nullptr && i < shards.size(); ++i) {
        if (shards[i]) metric.of_shard(*shards[i], labels[i], samples);
      }
    }
  }
  return text;
}

std::string metrics_reference() {
  std::string text;
  for (const std::span<const Metric> part : kMetrics) {
    for (const Metric& metric : part) {
      fmt::format_to(std::back_inserter(text), "| `{}` | {} | {} | {} | {} |\n", metric.name,
                     to_string(metric.type), metric.unit, metric.labels, metric.help);
    }
  }
  return text;
}

}  // namespace penstock::server
