// Client: a connection, as the broker sees it.
//
// Ownership: the connection's; it outlives the requests that are handled for it. Threading: the shard's
// scheduler.
#pragma once

#include <cstddef>
#include <string>

#include "task/abort_source.h"

namespace penstock::broker {

struct Client {
  std::string host;               // "/192.0.2.1", for people
  AbortSource gone{};             // aborted when no answer of its is worth waiting for any more
  std::size_t waiting_count = 0;  // its requests in WaitingRequests
};

}  // namespace penstock::broker
