// BrokerStats: what one shard's broker has been asked, and what it answered.
//
// Ownership: the broker's. Threading: its shard's scheduler; plain numbers, copied there by whoever
// wants them.
#pragma once

#include <array>
#include <cstdint>

#include "kafka/api.h"
#include "kafka/errors.h"

namespace penstock::broker {

// Whose matter an error in an answer is.
enum class ErrorClass : std::uint8_t {
  kClient,   // what was asked cannot be done: unknown topic, offset out of range, wrong batch
  kRetry,    // it can be done later, or elsewhere: time-outs, a partition that is not open now
  kStorage,  // the device or its space
  kDamage,   // what is stored is damaged
};
inline constexpr std::array kErrorClasses = {ErrorClass::kClient, ErrorClass::kRetry,
                                             ErrorClass::kStorage, ErrorClass::kDamage};
// "client", "retry", "storage", "damage".
std::string_view to_string(ErrorClass error_class);
// Of an error; there is one.
ErrorClass class_of(kafka::KafkaError error);

struct ApiStats {
  std::uint64_t requests = 0;
  // In answers: one for each topic or partition that has one.
  std::array<std::uint64_t, kErrorClasses.size()> errors{};
};

// Of the fetch sessions of a shard.
struct FetchSessionStats {
  std::uint64_t sessions = 0;    // there are now
  std::uint64_t partitions = 0;  // in them
  std::uint64_t created = 0;
  std::uint64_t evicted = 0;  // to make room for another
  std::uint64_t incremental_fetches = 0;
};

struct BrokerStats {
  std::array<ApiStats, kafka::kApis.size()> apis{};  // as in kApis
  std::uint64_t refused_requests = 0;                // not followed; their connection is closed
  // Since the start: how many partitions were to be opened, and how many of them are done with.
  std::uint64_t partitions_to_open = 0;
  std::uint64_t partitions_opened = 0;
  std::uint64_t opened_bytes = 0;   // of their segments
  std::uint64_t scanned_bytes = 0;  // read to open them
  std::uint64_t reopened_partitions = 0;
  FetchSessionStats fetch_sessions;
  // In answers to Fetch.
  std::uint64_t fetched_batches = 0;
  std::uint64_t fetched_bytes = 0;
  // Requests that wait for something to happen, and those that would have and had no place.
  std::uint64_t waiting_requests = 0;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t refused_waits = 0;

  ApiStats& of(kafka::ApiKey key) {
    return apis[static_cast<std::size_t>(kafka::find_api(key) - kafka::kApis.begin())];
  }
};

// The partitions of a shard as they are now.
struct PartitionCounts {
  std::uint64_t open = 0;
  std::uint64_t fenced = 0;  // open for reading, and refusing appends
  std::uint64_t failed = 0;  // could not be opened
  std::uint64_t bytes = 0;   // of their segments
};

// Calls `note(error)` for every error in a response, wherever it stands.
template <typename Response, typename Note>
void for_each_error(const Response& response, Note& note) {
  const auto all = [&note](const auto& parts) {
    for (const auto& part : parts) for_each_error(part, note);
  };
  if constexpr (requires { response.error_code; }) {
    if (response.error_code != kafka::KafkaError::kNone) note(response.error_code);
  }
  if constexpr (requires { response.topics; }) all(response.topics);
  if constexpr (requires { response.responses; }) all(response.responses);
  if constexpr (requires { response.results; }) all(response.results);
  if constexpr (requires { response.partitions; }) all(response.partitions);
  if constexpr (requires { response.partition_responses; }) all(response.partition_responses);
  if constexpr (requires { response.coordinators; }) all(response.coordinators);
}

}  // namespace penstock::broker
