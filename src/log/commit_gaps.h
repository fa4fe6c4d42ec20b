// CommitGaps: the moments of a shard in which no commit is on its way to the device.
//
// A durable commit waits for whatever else the device is doing, so what can wait, waits for a gap:
// zeros (ZeroPace) and reads of old data (ReadPace). How long at most is theirs to say.
//
// Ownership: a shard's segment pool owns it; it outlives commits and those who wait. Threading: the
// shard's scheduler.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "task/sync.h"

namespace penstock::log {

class CommitGaps {
 public:
  // A commit that is on its way to the device.
  class Hold {
   public:
    explicit Hold(CommitGaps& gaps) : gaps_(gaps), entered_(gaps.scheduler_.now()) {
      ++gaps_.commit_count_;
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { gaps_.leave(entered_); }

   private:
    CommitGaps& gaps_;
    Instant entered_;
  };

  explicit CommitGaps(Scheduler& scheduler) : scheduler_(scheduler), changed_(scheduler) {}
  CommitGaps(const CommitGaps&) = delete;
  CommitGaps& operator=(const CommitGaps&) = delete;
  ~CommitGaps() { PENSTOCK_ASSERT(commit_count_ == 0, "a commit outlived the shard it belongs to"); }

  // From now until the result is destroyed, a commit is in flight.
  Hold enter() { return Hold(*this); }

  bool is_gap() const { return commit_count_ == 0; }
  // From when on there will have been no commit for `time`, if none comes; kNever while there is one.
  Instant quiet_from(Duration time) const {
    if (!is_gap()) return Instant::kNever;
    return last_left_ ? *last_left_ + time : Instant();
  }
  // No commit now, nor within the last `time`.
  bool is_quiet_for(Duration time) const { return scheduler_.now() >= quiet_from(time); }

  // How long a commit takes, of late; zero before the first one has left.
  Duration commit_time() const { return commit_time_; }

  // Waits for the next gap to begin, for a pulse(), or for `deadline`.
  Task<bool> wait_until(Instant deadline) { return changed_.wait_until(deadline); }
  // Has all who wait look again.
  void pulse() { changed_.pulse(); }

 private:
  void leave(Instant entered) {
    PENSTOCK_ASSERT(commit_count_ > 0, "a commit left twice");
    // A moving average: each commit counts an eighth.
    constexpr int kWeight = 8;
    commit_time_ += (scheduler_.now() - entered - commit_time_) / kWeight;
    if (--commit_count_ > 0) return;
    last_left_ = scheduler_.now();
    changed_.pulse();
  }

  Scheduler& scheduler_;
  std::size_t commit_count_ = 0;
  Duration commit_time_{};
  std::optional<Instant> last_left_;  // when the newest gap began
  Event changed_;
};

}  // namespace penstock::log
