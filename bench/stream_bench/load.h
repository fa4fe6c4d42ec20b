// The loads of stream_bench: producers and consumers of one topic, as frames of our own on many
// connections, all by the calling thread.
//
// What is not measured is not done: batches are built once, and a consumer looks at the headers of the
// batches that it gets and no further.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/latency.h"
#include "bench/server_process.h"

namespace penstock::bench {

struct Shape {
  std::string commit = "sync";  // the topic's setting: sync, batch
  int connections = 10;
  int partitions = 10;
  std::size_t message_bytes = 1024;
  // Messages are sent in batches of about so many bytes, one batch in a request: the Java client's
  // batch.size. A larger message is a batch by itself.
  std::size_t batch_bytes = 16 * 1024;
  // Requests of each connection that have no answer yet: the clients' default.
  int in_flight = 5;
};

struct Outcome {
  double seconds = 0;
  std::uint64_t messages = 0;
  double gigabytes = 0;  // of the messages' values
  double server_cpu_seconds = 0;
  double client_cpu_seconds = 0;
  Latencies latencies{};  // of requests

  double messages_per_second() const { return static_cast<double>(messages) / seconds; }
  double mb_per_second() const { return gigabytes * 1000 / seconds; }
};

// A topic that exists as long as the object.
class Topic {
 public:
  Topic(const ServerProcess& server, std::string name, const Shape& shape);
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;
  ~Topic();

  const std::string& name() const { return name_; }

 private:
  const ServerProcess& server_;
  std::string name_;
};

// Produces for `time`, acks=all, to all partitions in turn. With a rate, each request has a moment at
// which it is due, whether or not earlier ones were answered, and its latency counts from then; without
// one, each connection keeps `in_flight` requests on their way.
Outcome produce(const ServerProcess& server, const Topic& topic, const Shape& shape,
                std::chrono::nanoseconds time, double messages_per_second = 0);

// Reads everything that is in the topic, from its beginning, again and again until `time` is over. Each
// partition is read by one connection, so that there must be no more of them. `messages` is how many
// there are.
Outcome consume(const ServerProcess& server, const Topic& topic, const Shape& shape,
                std::uint64_t messages, std::chrono::nanoseconds time);

}  // namespace penstock::bench
