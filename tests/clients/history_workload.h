// What all clients of a history share: where the broker is, what they work on, the record of it, and
// when to end.
//
// Ownership: the program's; it outlives every client. Threading: any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "base/random.h"
#include "history_record.h"
#include "rdkafka_client.h"

namespace penstock::tests {

// The topics, by their numbers in the history.
inline constexpr std::uint32_t kOrders = 0;   // plain producers and transactions write to both
inline constexpr std::uint32_t kResults = 1;  // and the pipeline writes what it has made of orders

struct Workload {
  std::string broker;
  std::array<std::string, 2> topics;
  std::int32_t partitions = 1;
  HistoryRecorder& recorder;
  std::atomic<bool> must_end = false;
  std::atomic<std::uint32_t> next_producer = 0;

  history::Partition any_partition(std::uint32_t topic, Random& random) const {
    return {.topic = topic,
            .index = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(partitions)))};
  }
  std::uint32_t number_of(std::string_view topic) const {
    return topic == topics[kOrders] ? kOrders : kResults;
  }

  // At most, and not once the work is to end.
  void sleep(std::chrono::milliseconds time) const {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (!must_end && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(10)));
  }

  // For clients whose broker is gone now and then, and soon back.
  void apply_to(Settings& settings) const {
    settings.set("bootstrap.servers", broker);
    settings.set("reconnect.backoff.ms", "20");
    settings.set("reconnect.backoff.max.ms", "200");
    settings.set("retry.backoff.ms", "20");
    settings.set("topic.metadata.refresh.interval.ms", "5000");
    rd_kafka_conf_set_log_cb(settings.get(), ignore_log);
  }
};

}  // namespace penstock::tests
