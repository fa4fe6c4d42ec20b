// GroupMemory: how many bytes a shard holds for its groups: what members said and were given, and what
// groups have committed.
//
// Requests are admitted by the bytes that they add; what goes again is not followed. When the sum would
// exceed the limit, what is there is counted anew, at most once a second, since that takes a while. So
// nothing else has to keep accounts, and the sum is never less than what is held.
//
// Ownership: must not outlive what it counts. Threading: the scheduler's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "group/records.h"
#include "group/requests.h"
#include "task/scheduler.h"

namespace penstock::group {

class GroupMemory {
 public:
  static constexpr Duration kCountEvery = std::chrono::seconds(1);

  // `count` says how many bytes are held now.
  GroupMemory(Scheduler& scheduler, const std::uint64_t& limit_bytes,
              std::function<std::uint64_t()> count)
      : scheduler_(scheduler), limit_bytes_(limit_bytes), count_(std::move(count)) {}

  // Whether there is room for what takes `bytes` in place of what has taken `earlier_bytes`; the
  // difference then counts. What takes no more than before is always admitted: a shard that is full, or
  // was given less at its start than it holds, goes on with what it has.
  bool admit(std::uint64_t bytes, std::uint64_t earlier_bytes = 0);

  std::uint64_t refused_count() const { return refused_count_; }

 private:
  bool has_room_for(std::uint64_t bytes) const {
    return used_bytes_ <= limit_bytes_ && bytes <= limit_bytes_ - used_bytes_;
  }

  Scheduler& scheduler_;
  const std::uint64_t& limit_bytes_;
  std::function<std::uint64_t()> count_;
  std::uint64_t used_bytes_ = 0;  // at most
  Instant next_count_;
  std::uint64_t refused_count_ = 0;
};

// Of a member or an offset, whatever it says.
inline constexpr std::uint64_t kEntryBytes = 256;

// What these take, about.
std::uint64_t held_bytes(const std::vector<Protocol>& protocols);
std::uint64_t held_bytes(const std::set<std::string>& names);
std::uint64_t held_bytes(const TopicPartition& partition, const OffsetRecord& record);
std::uint64_t held_bytes(const std::map<TopicPartition, OffsetRecord>& offsets);
std::uint64_t held_bytes(const std::vector<MemberAssignment>& assignments);
// What the member that says so takes.
std::uint64_t held_bytes(const JoinRequest& request);
std::uint64_t held_bytes(const ConsumerHeartbeat& request);

}  // namespace penstock::group
