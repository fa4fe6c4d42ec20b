// MessageStamp: what each message of a load begins with, so that whoever reads it knows how long it was
// on its way and what came before it.
//
// The moment is this machine's monotonic clock: producers and consumers are on one machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "benchmark/latency_recorder.h"

namespace penstock::benchmark {

struct MessageStamp {
  static constexpr std::uint64_t kMagic = 0x706d617473636e70;

  std::uint64_t magic = kMagic;
  std::uint64_t load = 0;     // which load it is of: a topic may hold others
  std::int64_t meant_ns = 0;  // when it was due
  std::uint32_t producer = 0;
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;  // of its producer in its partition, from 0

  SteadyClock::time_point meant() const {
    return SteadyClock::time_point(std::chrono::nanoseconds(meant_ns));
  }
};

inline constexpr std::size_t kMessageBytesMin = sizeof(MessageStamp);

// `message` holds at least kMessageBytesMin.
inline void put_stamp(const MessageStamp& stamp, MutableBytes message) {
  std::memcpy(message.data(), &stamp, sizeof stamp);
}

// Nothing if it is no message of a load.
inline std::optional<MessageStamp> stamp_of(const void* payload, std::size_t bytes) {
  MessageStamp stamp;
  if (payload == nullptr || bytes < sizeof stamp) return std::nullopt;
  std::memcpy(&stamp, payload, sizeof stamp);
  if (stamp.magic != MessageStamp::kMagic) return std::nullopt;
  return stamp;
}

}  // namespace penstock::benchmark
