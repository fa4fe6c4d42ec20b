#include "server/config_keys.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <limits>
#include <numeric>
#include <vector>

#include "base/unit_text.h"
#include "server/address.h"
#include "server/config_values.h"

namespace penstock::server {

namespace {

using Setter = Result<void> (*)(Config&, std::string_view);
using Getter = std::string (*)(const Config&);

// Each key names its place in Config by a lambda without captures, for reading and for writing.
// NOLINTNEXTLINE(bugprone-macro-parentheses): `member` is a name, or names with dots.
#define FIELD(member) [](auto& config) -> auto& { return config.member; }

enum class Unit { kCount, kBytes, kDuration };

struct NumberRule {
  Unit unit = Unit::kCount;
  std::int64_t min = 0;
  std::int64_t max = 0;
  bool power_of_two = false;
};

constexpr NumberRule count_between(std::int64_t min, std::int64_t max) {
  return {Unit::kCount, min, max};
}
constexpr NumberRule bytes_between(std::uint64_t min, std::uint64_t max) {
  return {Unit::kBytes, static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)};
}
constexpr NumberRule power_of_two_between(std::uint64_t min, std::uint64_t max) {
  return {Unit::kBytes, static_cast<std::int64_t>(min), static_cast<std::int64_t>(max), true};
}
constexpr NumberRule duration_between(Duration min, Duration max) {
  return {Unit::kDuration, min.count(), max.count()};
}

std::string format_number(std::int64_t value, Unit unit) {
  switch (unit) {
    case Unit::kCount: return fmt::format("{}", value);
    case Unit::kBytes: return format_size(value);
    case Unit::kDuration: return format_duration(Duration(value));
  }
  return {};
}

Result<std::int64_t> parse_number(std::string_view text, Unit unit) {
  switch (unit) {
    case Unit::kCount: return parse_count(text);
    case Unit::kBytes: {
      const Result<std::uint64_t> size = parse_size(text);
      if (!size) return Unexpected(size.error());
      return static_cast<std::int64_t>(*size);
    }
    case Unit::kDuration: {
      const Result<Duration> duration = parse_duration(text);
      if (!duration) return Unexpected(duration.error());
      return duration->count();
    }
  }
  return 0;
}

std::string describe(const NumberRule& rule) {
  const char* kind = rule.unit == Unit::kCount   ? "number"
                     : rule.unit == Unit::kBytes ? "size"
                                                 : "duration";
  return fmt::format("{}{}, {} .. {}", kind, rule.power_of_two ? " (a power of two)" : "",
                     format_number(rule.min, rule.unit), format_number(rule.max, rule.unit));
}

Result<std::int64_t> parse_checked(std::string_view text, const NumberRule& rule) {
  Result<std::int64_t> value = parse_number(text, rule.unit);
  if (!value) return value;
  const bool fits = *value >= rule.min && *value <= rule.max;
  if (fits && (!rule.power_of_two || std::has_single_bit(static_cast<std::uint64_t>(*value))))
    return value;
  return fail(ErrorCode::kInvalidArgument, "{} is not allowed; {}", text, describe(rule));
}

template <auto kField, NumberRule kRule>
ConfigKey number_key(std::string_view name, std::string_view help, std::string_view flag = {}) {
  const Setter set = [](Config& config, std::string_view text) -> Result<void> {
    const Result<std::int64_t> value = parse_checked(text, kRule);
    if (!value) return Unexpected(value.error());
    auto& field = kField(config);
    using Field = std::remove_reference_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, Duration>) {
      field = Duration(*value);
    } else {
      static_assert(std::in_range<Field>(kRule.min) && std::in_range<Field>(kRule.max),
                    "the rule allows more than fits");
      field = static_cast<Field>(*value);
    }
    return {};
  };
  const Getter get = [](const Config& config) {
    const auto& field = kField(config);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, Duration>) {
      return format_number(field.count(), kRule.unit);
    } else {
      return format_number(static_cast<std::int64_t>(field), kRule.unit);
    }
  };
  return {name, flag, describe(kRule), kRule.unit != Unit::kCount, help, set, get};
}

struct ShareRule {
  double min = 0;
  double max = 1;
};

std::string describe(const ShareRule& rule) {
  return fmt::format("share, {} .. {}", rule.min, rule.max);
}

template <auto kField, ShareRule kRule>
ConfigKey share_key(std::string_view name, std::string_view help, std::string_view flag = {}) {
  const Setter set = [](Config& config, std::string_view text) -> Result<void> {
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    // Written so that a NaN is refused too.
    if (!is_number || !(value >= kRule.min && value <= kRule.max)) {
      return fail(ErrorCode::kInvalidArgument, "{} is not allowed; {}", text, describe(kRule));
    }
    kField(config) = value;
    return {};
  };
  const Getter get = [](const Config& config) { return fmt::format("{}", kField(config)); };
  return {name, flag, describe(kRule), false, help, set, get};
}

template <auto kField>
ConfigKey bool_key(std::string_view name, std::string_view help, std::string_view flag = {}) {
  const Setter set = [](Config& config, std::string_view text) -> Result<void> {
    const Result<bool> value = parse_bool(text);
    if (!value) return Unexpected(value.error());
    kField(config) = *value;
    return {};
  };
  const Getter get = [](const Config& config) {
    return std::string(kField(config) ? "true" : "false");
  };
  return {name, flag, "true|false", false, help, set, get};
}

// `kCheck` is a parser whose result is thrown away: the text itself is kept.
template <auto kField, auto kCheck>
ConfigKey text_key(std::string_view name, std::string_view type, std::string_view help,
                   std::string_view flag = {}) {
  const Setter set = [](Config& config, std::string_view text) -> Result<void> {
    if (const auto checked = kCheck(text); !checked) return Unexpected(checked.error());
    kField(config) = std::string(text);
    return {};
  };
  const Getter get = [](const Config& config) { return std::string(kField(config)); };
  return {name, flag, std::string(type), true, help, set, get};
}

template <auto kField, auto kParse, auto kPrint>
ConfigKey choice_key(std::string_view name, std::string_view type, std::string_view help,
                     std::string_view flag = {}) {
  const Setter set = [](Config& config, std::string_view text) -> Result<void> {
    const auto value = kParse(text);
    if (!value) return Unexpected(value.error());
    kField(config) = *value;
    return {};
  };
  const Getter get = [](const Config& config) { return std::string(kPrint(kField(config))); };
  return {name, flag, std::string(type), true, help, set, get};
}

Result<void> check_advertised(std::string_view text) {
  if (text.empty()) return {};
  const Result<Address> address = parse_address(text);
  if (!address) return Unexpected(address.error());
  if (!address->is_wildcard()) return {};
  return fail(ErrorCode::kInvalidArgument,
              "clients cannot connect to '{}'; name this machine as they know it", text);
}

Result<void> check_admin_listen(std::string_view text) {
  if (text == Config::kAdminOff) return {};
  const Result<Address> address = parse_address(text);
  if (address) return {};
  return fail(ErrorCode::kInvalidArgument, "{}; or 'off'", address.error().message());
}

Result<void> check_not_empty(std::string_view text) {
  if (!text.empty()) return {};
  return fail(ErrorCode::kInvalidArgument, "must not be empty");
}

Result<void> check_log_level(std::string_view text) {
  for (const std::string_view level : {"trace", "debug", "info", "warn", "error", "critical", "off"}) {
    if (text == level) return {};
  }
  return fail(
      ErrorCode::kInvalidArgument,
      "'{}' is not a log level; use 'trace', 'debug', 'info', 'warn', 'error', 'critical' or 'off'",
      text);
}

std::string_view print_uring_use(UringUse use) {
  switch (use) {
    case UringUse::kAuto: return "auto";
    case UringUse::kOn: return "on";
    case UringUse::kOff: return "off";
  }
  return "unknown";
}

std::string_view print_io_mode(RequestedIoMode mode) { return to_string(mode); }

constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kSecond = std::chrono::seconds(1);

Result<group::Assignor> parse_assignor(std::string_view text) {
  const auto assignor = group::assignor_named(text);
  if (assignor) return *assignor;
  return fail(ErrorCode::kInvalidArgument, "'{}' is not uniform or range", text);
}

std::string_view print_assignor(group::Assignor assignor) { return to_string(assignor); }

std::vector<ConfigKey> server_keys() {
  return {
      text_key<FIELD(listen), parse_address>(
          "server.listen", "HOST:PORT",
          "The address that clients connect to. Port 0 takes any free port.", "--listen"),
      text_key<FIELD(advertised), check_advertised>(
          "server.advertised", "HOST:PORT, or empty",
          "The address that clients are told to connect to. Empty: the listening address, or this "
          "machine's name when the server listens on every address.",
          "--advertised"),
      number_key<FIELD(shards), count_between(0, 256)>(
          "server.shards", "Threads, each with its own partitions and connections. 0: one per core.",
          "--shards"),
      bool_key<FIELD(pin_shards)>(
          "server.pin_shards",
          "Whether each shard's thread stays on one core. For machines that run nothing else."),
      choice_key<FIELD(io), parse_io_mode, print_io_mode>(
          "server.io", "auto|direct|uncached|buffered",
          "How data reaches the device. 'auto' takes the best that the file system honours and says "
          "which; any other is had or refused.",
          "--io"),
      choice_key<FIELD(io_uring), parse_uring_use, print_uring_use>(
          "server.io_uring", "auto|on|off",
          "Whether to use io_uring. 'auto' uses it when the kernel grants it; without it, a pool of "
          "threads does the I/O.",
          "--io-uring"),
      number_key<FIELD(max_connections), count_between(1, 1'000'000)>(
          "server.max_connections", "Connections of each shard; more than that are closed at once."),
      number_key<FIELD(idle_timeout), duration_between(kSecond, 30 * kDay)>(
          "server.idle_timeout", "A connection on which nothing moves for so long is closed."),
      number_key<FIELD(keepalive_time), duration_between(kSecond, kDay / 4)>(
          "server.keepalive_time",
          "A peer that was not heard of for so long is asked whether it is still there; one that does "
          "not "
          "answer three times, each after a sixth of that, has its connection closed."),
      number_key<FIELD(max_request_bytes), bytes_between(kKiB, kGiB)>(
          "server.max_request_bytes",
          "The largest request; a connection that announces a larger one is closed."),
      number_key<FIELD(max_requests_per_connection), count_between(1, 10'000)>(
          "server.max_requests_per_connection",
          "Requests of one connection that may be under way or unanswered; then its socket is not "
          "read."),
      number_key<FIELD(inflight_bytes_per_connection), bytes_between(64 * kKiB, 16 * kGiB)>(
          "server.inflight_bytes_per_connection",
          "Bytes of one connection's requests that may be under way; then its socket is not read. A "
          "single larger request is taken alone."),
      number_key<FIELD(inflight_bytes_per_shard), bytes_between(kMiB, 1024 * kGiB)>(
          "server.inflight_bytes_per_shard",
          "Bytes of all requests of one shard that may be under way; then its sockets are not read."),
      number_key<FIELD(unsent_bytes_per_connection), bytes_between(64 * kKiB, 16 * kGiB)>(
          "server.unsent_bytes_per_connection",
          "Bytes of responses that a client has not taken; then no more of its requests are begun."),
      number_key<FIELD(broker.answer_bytes), bytes_between(kMiB, 1024 * kGiB)>(
          "server.unsent_bytes_per_shard",
          "Bytes of responses to Fetch that may lie in the memory of a shard, being read or not taken "
          "yet; then a Fetch brings less, or waits, and clients that take theirs slowly are dropped."),
      number_key<FIELD(broker.waiting.of_connection), count_between(1, 10'000)>(
          "server.waiting_requests_per_connection",
          "Requests of one connection that may wait for something to happen (a Fetch for messages, a "
          "JoinGroup for other members). A Fetch too many is answered at once, a member is told to "
          "come "
          "again."),
      number_key<FIELD(broker.waiting.of_shard), count_between(1, 10'000'000)>(
          "server.waiting_requests_per_shard", "The same for all connections of a shard."),
      number_key<FIELD(broker.waiting.bytes_of_shard), bytes_between(kMiB, 1024 * kGiB)>(
          "server.waiting_bytes_per_shard",
          "Bytes of requests that may wait on one shard; they count among "
          "server.inflight_bytes_per_shard too."),
      number_key<FIELD(shutdown_grace), duration_between(Duration::zero(), kDay)>(
          "server.shutdown_grace", "How long a stop waits for requests that are under way."),
  };
}

std::vector<ConfigKey> other_keys() {
  return {
      text_key<FIELD(admin_listen), check_admin_listen>(
          "admin.listen", "HOST:PORT, or off",
          "The address of the admin port: HTTP for operators, with /metrics, /livez, /readyz, "
          "/startupz "
          "and POST /topics/NAME/reopen. Nobody is asked who he is: keep it away from strangers. Port "
          "0 "
          "takes any free port.",
          "--admin-listen"),
      number_key<FIELD(lag_partitions), count_between(0, 100'000)>(
          "admin.lag_partitions",
          "Of how many partitions of consumer groups /metrics tells the lag; each is a line of its "
          "own. "
          "How many are left out is told too."),
      text_key<FIELD(data_directory), check_not_empty>(
          "data.directory", "path",
          "Where everything is kept. One server at a time; made when it is missing.", "--data"),
      text_key<FIELD(log_level), check_log_level>("log.level",
                                                  "trace|debug|info|warn|error|critical|off",
                                                  "What is logged, to standard error.", "--log-level"),
  };
}

std::vector<ConfigKey> broker_keys() {
  constexpr std::int64_t kMaxInt32 = std::numeric_limits<std::int32_t>::max();
  return {
      number_key<FIELD(broker.node_id), count_between(0, kMaxInt32)>(
          "broker.node_id", "This broker's number, as clients see it."),
      text_key<FIELD(broker.cluster_id), check_not_empty>("broker.cluster_id", "text",
                                                          "The cluster's name, as clients see it."),
      bool_key<FIELD(broker.auto_create_topics)>(
          "broker.auto_create_topics", "Whether using a topic that does not exist creates it."),
      number_key<FIELD(broker.default_partitions), count_between(1, 10'000)>(
          "broker.default_partitions",
          "Partitions of a topic that is created without saying how many."),
      number_key<FIELD(broker.max_message_bytes), bytes_between(kKiB, kGiB)>(
          "broker.max_message_bytes",
          "The largest record batch that is accepted, as producers send it (compressed). Kafka's "
          "message.max.bytes."),
      number_key<FIELD(broker.max_fetch_bytes), bytes_between(64 * kKiB, kGiB)>(
          "broker.max_fetch_bytes",
          "The most that one Fetch response carries, whatever the client asks for; a single batch "
          "may exceed it."),
      number_key<FIELD(broker.max_fetch_sessions), count_between(0, 100'000)>(
          "broker.max_fetch_sessions",
          "Fetch sessions of each shard, in which consumers name their partitions once (KIP-227); 0: "
          "there are none. Kafka's max.incremental.fetch.session.cache.slots, for each shard."),
      number_key<FIELD(broker.max_partitions), count_between(1, 1'000'000)>(
          "broker.max_partitions", "Partitions of this broker, over all topics."),
  };
}

std::vector<ConfigKey> storage_keys() {
  return {
      number_key<FIELD(broker.partition.segment_bytes), power_of_two_between(kMiB, 4 * kGiB)>(
          "storage.segment_bytes",
          "The largest segment file. A partition's segments grow up to it by doubling."),
      number_key<FIELD(broker.partition.commit_depth), count_between(1, 8)>(
          "storage.commit_depth",
          "Commits of one partition that may be on their way to the device at once."),
      number_key<FIELD(broker.partition.commit_bytes), bytes_between(4 * kKiB, 64 * kMiB)>(
          "storage.commit_bytes",
          "A commit stops collecting at this size; a single larger batch still goes out whole."),
      number_key<FIELD(broker.partition.pending_bytes), bytes_between(64 * kKiB, 4 * kGiB)>(
          "storage.pending_bytes",
          "Bytes of one partition that are accepted and not yet durable; beyond, producers wait."),
      number_key<FIELD(tail_bytes), bytes_between(0, 1024 * kGiB)>(
          "storage.tail_bytes",
          "Memory of each shard for the newest batches of all its partitions, for consumers that keep "
          "up. Up to 256 MiB of it are taken at the start."),
      number_key<FIELD(catch_up.memory_bytes), bytes_between(0, 1024 * kGiB)>(
          "storage.read_memory_bytes",
          "Memory of each shard for reading what is no longer in memory: 4 MiB for single reads, which "
          "wait in line when it is used up, the rest for reading ahead, about 4.5 MiB for each "
          "consumer "
          "that catches up; beyond, fetches are single reads."),
      number_key<FIELD(catch_up.cache_bytes), bytes_between(0, 1024 * kGiB)>(
          "storage.block_cache_bytes",
          "Memory of each shard for old data that several consumers read; taken at the start. At least "
          "256 KiB; 0: none."),
  };
}

std::vector<ConfigKey> retention_keys() {
  return {
      number_key<FIELD(broker.retention_time), duration_between(Duration::zero(), 36'500 * kDay)>(
          "retention.time",
          "How long records are kept at least; 0: for ever. The topic setting retention.ms goes before "
          "it."),
      number_key<FIELD(broker.retention_bytes), bytes_between(0, kMiB * kGiB)>(
          "retention.bytes",
          "How much of each partition is kept at least; 0: all. The topic setting retention.bytes goes "
          "before it."),
      number_key<FIELD(broker.retention_check_interval), duration_between(kSecond, 30 * kDay)>(
          "retention.check_interval", "How often what is not kept any more is looked for."),
  };
}

std::vector<ConfigKey> scrub_keys() {
  return {
      number_key<FIELD(broker.scrub_interval), duration_between(Duration::zero(), 3650 * kDay)>(
          "scrub.interval",
          "Pause between two rounds in which every sealed segment is read and its checksums are "
          "checked; "
          "0: never. The first round begins ten minutes after the start. Damage is logged."),
      number_key<FIELD(broker.scrub_bytes_per_second), bytes_between(64 * kKiB, 1024 * kGiB)>(
          "scrub.bytes_per_second", "How fast each shard reads for that."),
  };
}

// Below, a rewritten segment could be as large as it was.
constexpr ShareRule kPadShares{0.1, 1};

std::vector<ConfigKey> compaction_keys() {
  return {
      bool_key<FIELD(broker.compaction_enabled)>("compaction.enabled",
                                                 "Whether sealed segments that are largely padding (a "
                                                 "message that comes alone takes 4 KiB) are "
                                                 "rewritten without it."),
      share_key<FIELD(broker.compaction.pad_share_min), kPadShares>(
          "compaction.pad_share", "From which share of padding on a segment is rewritten."),
      number_key<FIELD(broker.compaction.bytes_per_second), bytes_between(64 * kKiB, 1024 * kGiB)>(
          "compaction.bytes_per_second",
          "How fast each shard reads, writes and reads back for that, all together."),
      number_key<FIELD(broker.compaction_check_interval), duration_between(kSecond, 30 * kDay)>(
          "compaction.check_interval", "How often such segments are looked for."),
  };
}

std::vector<ConfigKey> group_keys() {
  return {
      number_key<FIELD(broker.groups.min_session_timeout), duration_between(kSecond, kDay)>(
          "groups.min_session_timeout",
          "The shortest session that a member of a consumer group may ask for. Kafka's "
          "group.min.session.timeout.ms."),
      number_key<FIELD(broker.groups.max_session_timeout), duration_between(kSecond, kDay)>(
          "groups.max_session_timeout",
          "The longest session that a member may ask for. Kafka's group.max.session.timeout.ms."),
      number_key<FIELD(broker.groups.initial_rebalance_delay), duration_between(Duration{}, kDay)>(
          "groups.initial_rebalance_delay",
          "How long an empty group waits for more members when the first one joins. Kafka's "
          "group.initial.rebalance.delay.ms."),
      number_key<FIELD(broker.groups.consumer_session_timeout), duration_between(kSecond, kDay)>(
          "groups.consumer_session_timeout",
          "How long a member of a group of the new protocol (KIP-848) may be silent. Kafka's "
          "group.consumer.session.timeout.ms."),
      number_key<FIELD(broker.groups.consumer_heartbeat_interval),
                 duration_between(std::chrono::milliseconds(100), kDay)>(
          "groups.consumer_heartbeat_interval",
          "How often a member of a group of the new protocol is told to say that it lives; it must be "
          "shorter than its session. Kafka's group.consumer.heartbeat.interval.ms."),
      choice_key<FIELD(broker.groups.consumer_assignor), parse_assignor, print_assignor>(
          "groups.consumer_assignor", "uniform|range",
          "Who gets which partitions in a group of the new protocol whose members do not ask for one "
          "of "
          "the two. The first of Kafka's group.consumer.assignors."),
      number_key<FIELD(broker.groups.max_members), count_between(1, 10'000)>(
          "groups.max_members",
          "Members of one group. Kafka's group.max.size and group.consumer.max.size."),
      number_key<FIELD(broker.groups.max_groups), count_between(1, 10'000'000)>(
          "groups.max_groups", "Groups of each shard."),
      number_key<FIELD(broker.groups.memory_bytes), bytes_between(kMiB, 1024 * kGiB)>(
          "groups.memory_bytes",
          "What the groups of a shard may hold in memory: what members said and were given, and "
          "committed offsets, about. Members and offsets for which there is no room are refused."),
      number_key<FIELD(broker.groups.offsets_retention), duration_between(kSecond, 10 * 365 * kDay)>(
          "groups.offsets_retention",
          "How long the offsets of a group without members are kept. Kafka's "
          "offsets.retention.minutes."),
      number_key<FIELD(broker.groups.offsets_check_interval), duration_between(kSecond, 30 * kDay)>(
          "groups.offsets_check_interval",
          "How often offsets that are not kept any more are looked for."),
      number_key<FIELD(broker.groups.max_offset_metadata_bytes), bytes_between(0, kMiB)>(
          "groups.max_offset_metadata_bytes",
          "The largest text that may be committed with an offset. Kafka's "
          "offset.metadata.max.bytes."),
  };
}

std::vector<ConfigKey> transaction_keys() {
  return {
      number_key<FIELD(broker.transactions.max_timeout), duration_between(kSecond, kDay)>(
          "transactions.max_timeout",
          "The longest time that a producer may ask for, after which its transaction is aborted. "
          "Kafka's transaction.max.timeout.ms."),
      number_key<FIELD(broker.transactions.check_interval),
                 duration_between(std::chrono::milliseconds(10), kDay)>(
          "transactions.check_interval",
          "How often transactions that took too long are looked for, and how long a marker that could "
          "not be written waits for its next try."),
      number_key<FIELD(broker.transactions.id_expiration), duration_between(kSecond, 10 * 365 * kDay)>(
          "transactions.id_expiration",
          "How long a transactional id is remembered without a transaction. Kafka's "
          "transactional.id.expiration.ms."),
      number_key<FIELD(broker.transactions.max_ids), count_between(1, 10'000'000)>(
          "transactions.max_ids", "Transactional ids of each shard."),
      number_key<FIELD(broker.transactions.max_partitions), count_between(1, 100'000)>(
          "transactions.max_partitions", "Partitions of one transaction."),
      number_key<FIELD(broker.transactions.max_groups), count_between(1, 100'000)>(
          "transactions.max_groups", "Consumer groups of one transaction."),
  };
}

std::vector<ConfigKey> pool_keys() {
  return {
      number_key<FIELD(pool.smallest_bytes), power_of_two_between(512 * kKiB, 4 * kGiB)>(
          "pool.smallest_bytes", "The first segment of a partition. At most storage.segment_bytes."),
      number_key<FIELD(pool.ready_files), count_between(0, 10'000)>(
          "pool.ready_files",
          "The pool's low-water mark: so many files of the smallest size each shard keeps ready, "
          "written "
          "once, for partitions that begin; below it, more are made in the background."),
      number_key<FIELD(pool.max_spare_bytes), bytes_between(0, 1024 * kGiB)>(
          "pool.max_spare_bytes",
          "The pool's size: bytes of segment files that each shard keeps, ready or for reuse; what is "
          "retired beyond it is removed."),
      number_key<FIELD(pool.zero_bytes_per_second), bytes_between(0, 1024 * kGiB)>(
          "pool.zero_bytes_per_second",
          "Zeros that each shard writes per second to prepare files ahead of need, and only in the "
          "gaps "
          "between commits. 0: no limit. What a partition is about to need is written faster."),
  };
}

#undef FIELD

std::vector<ConfigKey> make_table() {
  std::vector<ConfigKey> table;
  for (const auto& part :
       {server_keys(), other_keys(), broker_keys(), storage_keys(), retention_keys(), scrub_keys(),
        compaction_keys(), pool_keys(), group_keys(), transaction_keys()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

// Levenshtein's distance: letters inserted, removed or replaced.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string ConfigKey::environment_name() const {
  std::string text = "PENSTOCK_";
  for (const char c : name) {
    text.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return text;
}

std::span<const ConfigKey> config_keys() {
  static const std::vector<ConfigKey> table = make_table();
  return table;
}

const ConfigKey* find_config_key(std::string_view name) {
  const auto found = std::ranges::find(config_keys(), name, &ConfigKey::name);
  return found == config_keys().end() ? nullptr : &*found;
}

const ConfigKey& nearest_config_key(std::string_view name) {
  const auto distance_to = [name](const ConfigKey& key) { return distance(name, key.name); };
  return *std::ranges::min_element(config_keys(), {}, distance_to);
}

}  // namespace penstock::server
