// ConnectionStats: what happens to the connections of a shard.
#pragma once

#include <cstdint>

namespace penstock::server {

struct ConnectionStats {
  std::uint64_t open = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // there were too many
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t request_bytes = 0;  // of requests that are in memory
  std::uint64_t answer_bytes = 0;   // of answers that are
  std::uint64_t bad_input = 0;      // closed because their requests could not be followed
  std::uint64_t too_slow = 0;       // closed because they took too long, or memory was short
};

}  // namespace penstock::server
