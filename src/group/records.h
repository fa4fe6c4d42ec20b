// What the catalog holds of consumer groups: one record per group, one per committed offset.
//
// docs/format.md, "The catalog", is the specification. A record that was written by a newer version is
// refused, not guessed at.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "kafka/schema.h"

namespace penstock::group {

// A protocol that a member can speak (an assignor), with what it tells the leader in it.
struct Protocol {
  std::string name{};
  std::vector<std::byte> metadata{};

  static void fields(auto& io) {
    io("Name", &Protocol::name, {.versions = "0+"});
    io("Metadata", &Protocol::metadata, {.versions = "0+"});
  }
  bool operator==(const Protocol&) const = default;
};

struct MemberRecord {
  std::string member_id{};
  std::optional<std::string> instance_id{};
  std::string client_id{};
  std::string client_host{};
  std::int64_t session_timeout_ms = 0;
  std::int64_t rebalance_timeout_ms = 0;
  std::vector<Protocol> protocols{};
  std::vector<std::byte> assignment{};

  static void fields(auto& io) {
    using M = MemberRecord;
    io("MemberId", &M::member_id, {.versions = "0+"});
    io("InstanceId", &M::instance_id, {.versions = "0+", .nullable = "0+"});
    io("ClientId", &M::client_id, {.versions = "0+"});
    io("ClientHost", &M::client_host, {.versions = "0+"});
    io("SessionTimeoutMs", &M::session_timeout_ms, {.versions = "0+"});
    io("RebalanceTimeoutMs", &M::rebalance_timeout_ms, {.versions = "0+"});
    io("Protocols", &M::protocols, {.versions = "0+"});
    io("Assignment", &M::assignment, {.versions = "0+"});
  }
  bool operator==(const MemberRecord&) const = default;
};

// A group as it was when it last became stable or empty.
struct GroupRecord {
  static constexpr std::string_view kName = "GroupRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  std::int32_t generation = 0;
  std::optional<std::string> protocol_type{};
  std::optional<std::string> protocol{};
  std::string leader{};          // a member's id; empty without members
  std::int64_t changed_ms = -1;  // when it became so, milliseconds since 1970
  std::vector<MemberRecord> members{};

  static void fields(auto& io) {
    using M = GroupRecord;
    io("Generation", &M::generation, {.versions = "0+"});
    io("ProtocolType", &M::protocol_type, {.versions = "0+", .nullable = "0+"});
    io("Protocol", &M::protocol, {.versions = "0+", .nullable = "0+"});
    io("Leader", &M::leader, {.versions = "0+"});
    io("ChangedMs", &M::changed_ms, {.versions = "0+"});
    io("Members", &M::members, {.versions = "0+"});
  }
  bool operator==(const GroupRecord&) const = default;
};

struct OffsetRecord {
  static constexpr std::string_view kName = "OffsetRecord";
  static constexpr kafka::Versions kVersions = "0";
  static constexpr kafka::Versions kFlexible = "0+";

  Offset offset{-1};  // the next one to be read
  std::int32_t leader_epoch = -1;
  std::string metadata{};
  std::int64_t committed_ms = -1;  // milliseconds since 1970

  static void fields(auto& io) {
    using M = OffsetRecord;
    io("Offset", &M::offset, {.versions = "0+"});
    io("LeaderEpoch", &M::leader_epoch, {.versions = "0+"});
    io("Metadata", &M::metadata, {.versions = "0+"});
    io("CommittedMs", &M::committed_ms, {.versions = "0+"});
  }
  bool operator==(const OffsetRecord&) const = default;
};

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

inline constexpr std::string_view kGroupPrefix = "g";
inline constexpr std::string_view kOffsetPrefix = "o";
// Offsets that an open transaction has committed; the records are as those of the others.
inline constexpr std::string_view kPendingOffsetPrefix = "u";
// Longer ones are refused before they get here.
inline constexpr std::size_t kMaxGroupIdBytes = 32'767;

std::string group_key(std::string_view group);
std::string offset_key(std::string_view group, const TopicPartition& partition);
// What all keys of a group's offsets begin with, and nobody else's.
std::string offset_prefix(std::string_view group);

std::string pending_offset_key(std::string_view group, std::int64_t producer_id,
                               const TopicPartition& partition);
// What the keys of all transactions of a group, or of one producer's, begin with.
std::string pending_offset_prefix(std::string_view group);
std::string pending_offset_prefix(std::string_view group, std::int64_t producer_id);

struct OffsetKey {
  std::string group;
  TopicPartition partition;
  friend auto operator<=>(const OffsetKey&, const OffsetKey&) = default;
};
struct PendingOffsetKey {
  std::string group;
  std::int64_t producer_id = -1;
  TopicPartition partition;
  friend auto operator<=>(const PendingOffsetKey&, const PendingOffsetKey&) = default;
};
// kCorrupt: not such a key.
Result<std::string> decode_group_key(std::string_view key);
Result<OffsetKey> decode_offset_key(std::string_view key);
Result<PendingOffsetKey> decode_pending_offset_key(std::string_view key);

std::string encode(const GroupRecord& record);
std::string encode(const OffsetRecord& record);
// kCorrupt; kNotSupported (of a newer version).
Result<GroupRecord> decode_group(std::string_view value);
Result<OffsetRecord> decode_offset(std::string_view value);

}  // namespace penstock::group
