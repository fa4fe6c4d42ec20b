// The APIs that Penstock speaks, and in which versions.
//
// kApis is the one table: the ApiVersions answer, the header versions, the codec's version checks and
// the flexible encoding all come from it. An API that is advertised as "none" has its codec here and is
// not served: to clients it is unknown.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "kafka/versions.h"

namespace penstock::kafka {

enum class ApiKey : std::int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kOffsetCommit = 8,
  kOffsetFetch = 9,
  kFindCoordinator = 10,
  kJoinGroup = 11,
  kHeartbeat = 12,
  kLeaveGroup = 13,
  kSyncGroup = 14,
  kDescribeGroups = 15,
  kListGroups = 16,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kDeleteRecords = 21,
  kInitProducerId = 22,
  kOffsetForLeaderEpoch = 23,
  kAddPartitionsToTxn = 24,
  kAddOffsetsToTxn = 25,
  kEndTxn = 26,
  kTxnOffsetCommit = 28,
  kDescribeConfigs = 32,
  kAlterConfigs = 33,
  kDescribeLogDirs = 35,
  kCreatePartitions = 37,
  kDeleteGroups = 42,
  kIncrementalAlterConfigs = 44,
  kOffsetDelete = 47,
  kDescribeCluster = 60,
  kDescribeProducers = 61,
  kDescribeTransactions = 65,
  kListTransactions = 66,
  kConsumerGroupHeartbeat = 68,
  kConsumerGroupDescribe = 69,
  kDescribeTopicPartitions = 75,
};

// Isolation levels of Fetch and ListOffsets (KIP-98): with this one a consumer sees nothing of
// transactions that are open or aborted.
inline constexpr std::int8_t kReadCommitted = 1;

// The first flexible version of an API that has none.
inline constexpr std::int16_t kNeverFlexible = std::numeric_limits<std::int16_t>::max();

struct ApiInfo {
  ApiKey key;
  std::string_view name;
  Versions advertised;          // what the ApiVersions response says
  Versions implemented;         // what the codec can decode and encode
  std::int16_t first_flexible;  // from here on: compact lengths, tagged fields, newer headers

  constexpr bool is_served() const { return !advertised.is_none(); }
};

inline constexpr std::array kApis = {
    // librdkafka compresses with gzip, snappy and lz4 only if Produce v0 is in the advertised range (it
    // does not use v0 then); versions 0-2 carry the old message formats and are refused.
    ApiInfo{ApiKey::kProduce, "Produce", "0-11", "3-11", 9},
    ApiInfo{ApiKey::kFetch, "Fetch", "4-16", "4-16", 12},
    ApiInfo{ApiKey::kListOffsets, "ListOffsets", "1-7", "1-7", 6},
    // kafka-python sends Metadata v0 before it knows any version.
    ApiInfo{ApiKey::kMetadata, "Metadata", "0-12", "0-12", 9},
    ApiInfo{ApiKey::kOffsetCommit, "OffsetCommit", "2-9", "2-9", 8},
    ApiInfo{ApiKey::kOffsetFetch, "OffsetFetch", "1-9", "1-9", 6},
    // librdkafka turns lz4 off if FindCoordinator v0 is missing.
    ApiInfo{ApiKey::kFindCoordinator, "FindCoordinator", "0-4", "0-4", 3},
    ApiInfo{ApiKey::kJoinGroup, "JoinGroup", "0-9", "0-9", 6},
    ApiInfo{ApiKey::kHeartbeat, "Heartbeat", "0-4", "0-4", 4},
    ApiInfo{ApiKey::kLeaveGroup, "LeaveGroup", "0-5", "0-5", 4},
    ApiInfo{ApiKey::kSyncGroup, "SyncGroup", "0-5", "0-5", 4},
    ApiInfo{ApiKey::kDescribeGroups, "DescribeGroups", "0-5", "0-5", 5},
    ApiInfo{ApiKey::kListGroups, "ListGroups", "0-5", "0-5", 3},
    ApiInfo{ApiKey::kApiVersions, "ApiVersions", "0-3", "0-3", 3},
    ApiInfo{ApiKey::kCreateTopics, "CreateTopics", "2-7", "2-7", 5},
    ApiInfo{ApiKey::kDeleteTopics, "DeleteTopics", "1-6", "1-6", 4},
    ApiInfo{ApiKey::kDeleteRecords, "DeleteRecords", "0-2", "0-2", 2},
    ApiInfo{ApiKey::kInitProducerId, "InitProducerId", "0-4", "0-4", 2},
    ApiInfo{ApiKey::kOffsetForLeaderEpoch, "OffsetForLeaderEpoch", "2-4", "2-4", 4},
    ApiInfo{ApiKey::kAddPartitionsToTxn, "AddPartitionsToTxn", "0-3", "0-3", 3},
    ApiInfo{ApiKey::kAddOffsetsToTxn, "AddOffsetsToTxn", "0-3", "0-3", 3},
    ApiInfo{ApiKey::kEndTxn, "EndTxn", "0-3", "0-3", 3},
    ApiInfo{ApiKey::kTxnOffsetCommit, "TxnOffsetCommit", "0-3", "0-3", 3},
    ApiInfo{ApiKey::kDescribeConfigs, "DescribeConfigs", "1-4", "1-4", 4},
    ApiInfo{ApiKey::kAlterConfigs, "AlterConfigs", "0-2", "0-2", 2},
    ApiInfo{ApiKey::kDescribeLogDirs, "DescribeLogDirs", "1-4", "1-4", 2},
    ApiInfo{ApiKey::kCreatePartitions, "CreatePartitions", "0-3", "0-3", 2},
    ApiInfo{ApiKey::kDeleteGroups, "DeleteGroups", "0-2", "0-2", 2},
    ApiInfo{ApiKey::kIncrementalAlterConfigs, "IncrementalAlterConfigs", "0-1", "0-1", 1},
    ApiInfo{ApiKey::kOffsetDelete, "OffsetDelete", "0", "0", kNeverFlexible},
    ApiInfo{ApiKey::kDescribeCluster, "DescribeCluster", "0-1", "0-1", 0},
    ApiInfo{ApiKey::kDescribeProducers, "DescribeProducers", "0", "0", 0},
    ApiInfo{ApiKey::kDescribeTransactions, "DescribeTransactions", "0", "0", 0},
    ApiInfo{ApiKey::kListTransactions, "ListTransactions", "0-1", "0-1", 0},
    ApiInfo{ApiKey::kConsumerGroupHeartbeat, "ConsumerGroupHeartbeat", "0", "0", 0},
    ApiInfo{ApiKey::kConsumerGroupDescribe, "ConsumerGroupDescribe", "0", "0", 0},
    ApiInfo{ApiKey::kDescribeTopicPartitions, "DescribeTopicPartitions", "0", "0", 0},
};

// The table's row, or null for an API that is not in it.
constexpr const ApiInfo* find_api(ApiKey key) {
  const auto* found = std::ranges::find(kApis, key, &ApiInfo::key);
  return found == kApis.end() ? nullptr : found;
}

// "Fetch", or "unknown" for an API that is not in the table.
constexpr std::string_view to_string(ApiKey key) {
  const ApiInfo* api = find_api(key);
  return api == nullptr ? "unknown" : api->name;
}

constexpr bool is_flexible(ApiKey key, std::int16_t version) {
  const ApiInfo* api = find_api(key);
  return api != nullptr && version >= api->first_flexible;
}

constexpr std::int16_t request_header_version(ApiKey key, std::int16_t version) {
  return is_flexible(key, version) ? 2 : 1;
}

// A client asks for ApiVersions before it knows what the server can do, so the header of that answer is
// the oldest one at every version (KIP-511), even where the body is flexible.
constexpr std::int16_t response_header_version(ApiKey key, std::int16_t version) {
  return key != ApiKey::kApiVersions && is_flexible(key, version) ? 1 : 0;
}

}  // namespace penstock::kafka
