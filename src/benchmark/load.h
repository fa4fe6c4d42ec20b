// Load: producers and consumers of one topic, as librdkafka clients of this process.
//
// Each producer and each consumer is a client with a connection and threads of its own. A producer's
// messages carry a MessageStamp, so consumers know each message's latency, and whether one is missing,
// came twice or came out of order.
//
// Ownership: clients and threads are the objects'; destroying one ends them. Threading: the owner's
// thread; counters from any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "benchmark/latency_recorder.h"
#include "benchmark/rate_plan.h"
#include "benchmark/rdkafka.h"
#include "benchmark/results.h"

namespace penstock::benchmark {

struct LoadShape {
  int producers = 4;
  int consumers = 4;
  int partitions = 8;
  std::size_t message_bytes = 1024;  // kMessageBytesMin and more
  // So many messages of a producer are due at the same moment, for the same partition.
  int batch = 1;
  // None: a closed loop, in which each producer has `window` messages on their way.
  std::optional<RatePlan> rate{};
  int window = 2'000;
  int linger_ms = 0;
  RdkafkaSettings client_settings{};  // more of librdkafka's, for all clients
};

// The largest batch that a broker has to take for messages of a size: Kafka's default, or more.
inline std::uint64_t batch_bytes_max(std::size_t message_bytes) {
  constexpr std::uint64_t kDefault = 1'000'000;
  constexpr std::uint64_t kHeadersBytes = 4096;
  return std::max<std::uint64_t>(kDefault, message_bytes + kHeadersBytes);
}

// What a load is measured by. Before `start` is warm-up.
struct LoadTimes {
  SteadyClock::time_point start;
  SteadyClock::time_point event;  // SteadyClock::time_point::max(): none
  SteadyClock::time_point end;
};

struct LoadTarget {
  std::string brokers;
  std::string topic;
  std::uint64_t load = 0;  // its number: no other load on the topic has it
};

// Means over the messages of a load, as librdkafka counts them.
struct ClientStages {
  double queue_us = 0;  // from produce() until the message is in a request
  double network_us =
      0;  // from the request's last byte out until its answer: the network and the broker
  bool is_known = false;
};

class ProducerLoad {
 public:
  // Threads run from now on; the first message is due at once.
  static Result<std::unique_ptr<ProducerLoad>> start(const LoadTarget& target, const LoadShape& shape,
                                                     const LoadTimes& times);
  ProducerLoad(const ProducerLoad&) = delete;
  ProducerLoad& operator=(const ProducerLoad&) = delete;
  ~ProducerLoad();

  // No message is begun after the times' end; sooner when this was called.
  void stop() { is_stopped_ = true; }
  // Gives up what is not acknowledged yet: nobody is there any more to do it.
  void abandon();
  // Waits until all that was sent is acknowledged or given up.
  void join();

  // Of all messages, warm-up too.
  std::uint64_t acknowledged() const;
  std::uint64_t failed() const;

  // After join():
  LatencyRecorder latencies() const;
  std::uint64_t acknowledged_in_time() const;  // between the times' start and end
  ClientStages stages() const;
  std::string first_error() const;  // empty: none

 private:
  struct Producer;

  ProducerLoad() = default;

  void send_all(Producer& producer) const;
  static void send_batch(Producer& producer, const LoadShape& shape, std::uint64_t batch,
                         SteadyClock::time_point meant, const std::atomic<bool>& is_stopped);

  LoadShape shape_;
  LoadTimes times_{};
  SteadyClock::time_point first_due_;
  std::atomic<bool> is_stopped_{false};
  std::vector<std::unique_ptr<Producer>> producers_;
};

class ConsumerLoad {
 public:
  enum class From {
    kNow,        // what is produced from here on, whose latency is recorded
    kBeginning,  // everything that is there, which is only counted
  };

  // On return all consumers know where they begin.
  static Result<std::unique_ptr<ConsumerLoad>> start(const LoadTarget& target, const LoadShape& shape,
                                                     const LoadTimes& times, From from);
  ConsumerLoad(const ConsumerLoad&) = delete;
  ConsumerLoad& operator=(const ConsumerLoad&) = delete;
  ~ConsumerLoad();

  // Messages of the load, each once; with kBeginning any messages.
  std::uint64_t received() const;
  std::uint64_t received_bytes() const;

  void stop();

  // After stop():
  LatencyRecorder latencies() const;
  std::uint64_t duplicated() const;
  std::uint64_t out_of_order() const;
  std::string first_error() const;

 private:
  struct Consumer;

  ConsumerLoad() = default;

  LoadTimes times_{};
  std::vector<std::unique_ptr<Consumer>> consumers_;
};

}  // namespace penstock::benchmark
