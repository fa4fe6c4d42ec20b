// What passes by itself, and how long to wait for it: which of a broker's errors are worth another try,
// and the pauses between tries.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "kafka/errors.h"

namespace penstock::cli {

// Whether the same request may succeed a little later, perhaps at another broker.
bool may_pass(kafka::KafkaError error);

// Whether a request failed with its connection, so that another one may succeed: as opposed to what a
// broker answered, and to brokers that do not speak our versions.
bool is_lost_connection(const Error& error);

// Pauses that grow from 100 ms to a second.
class Backoff {
 public:
  std::chrono::milliseconds next() {
    const auto pause = next_;
    next_ = std::min(next_ * 2, kLongest);
    return pause;
  }
  void reset() { next_ = kShortest; }

 private:
  static constexpr std::chrono::milliseconds kShortest{100};
  static constexpr std::chrono::milliseconds kLongest{1000};
  std::chrono::milliseconds next_ = kShortest;
};

}  // namespace penstock::cli
