// What the members of a consumer group tell each other through the broker, which does not look inside:
// the metadata of JoinGroup and the assignment of SyncGroup (Kafka's ConsumerProtocolSubscription and
// ConsumerProtocolAssignment).
//
// Written in version 0, which every client reads. Read in any version: later ones add fields at the
// end, which are left alone.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace penstock::kafka {

// The protocol type of consumer groups, and the assignor that every client has.
inline constexpr std::string_view kConsumerProtocolType = "consumer";
inline constexpr std::string_view kRangeAssignor = "range";

struct ConsumerSubscription {
  std::vector<std::string> topics{};

  bool operator==(const ConsumerSubscription&) const = default;
};

struct ConsumerAssignment {
  struct Topic {
    std::string name{};
    std::vector<std::int32_t> partitions{};

    bool operator==(const Topic&) const = default;
  };
  std::vector<Topic> topics{};

  bool operator==(const ConsumerAssignment&) const = default;
};

std::vector<std::byte> encode(const ConsumerSubscription& subscription);
std::vector<std::byte> encode(const ConsumerAssignment& assignment);

// Errors: kCorrupt.
Result<ConsumerSubscription> decode_subscription(ByteView bytes);
// No bytes at all are an assignment of nothing: what a broker gives a member that its leader forgot.
// Errors: kCorrupt.
Result<ConsumerAssignment> decode_assignment(ByteView bytes);

}  // namespace penstock::kafka
