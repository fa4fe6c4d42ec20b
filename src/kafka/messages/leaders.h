// Where a partition's leader is now: what Produce and Fetch responses say beside a "not the leader"
// error (KIP-951), so that a client need not ask for metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kafka/schema.h"

namespace penstock::kafka {

struct LeaderIdAndEpoch {
  std::int32_t leader_id = -1;
  std::int32_t leader_epoch = -1;

  static void fields(auto& io) {
    io("LeaderId", &LeaderIdAndEpoch::leader_id, {.versions = "0+"});
    io("LeaderEpoch", &LeaderIdAndEpoch::leader_epoch, {.versions = "0+"});
  }
  bool operator==(const LeaderIdAndEpoch&) const = default;
};

struct NodeEndpoint {
  std::int32_t node_id = 0;
  std::string host{};
  std::int32_t port = 0;
  std::optional<std::string> rack{};

  static void fields(auto& io) {
    io("NodeId", &NodeEndpoint::node_id, {.versions = "0+"});
    io("Host", &NodeEndpoint::host, {.versions = "0+"});
    io("Port", &NodeEndpoint::port, {.versions = "0+"});
    io("Rack", &NodeEndpoint::rack, {.versions = "0+", .nullable = "0+"});
  }
  bool operator==(const NodeEndpoint&) const = default;
};

}  // namespace penstock::kafka
