// Model: what the outside world knows of one partition, and the log is held against.
//
// It remembers what was sent, what was acknowledged and what was ever served, which deletions were
// asked for and which were confirmed, and whether the device has lied about the partition's files. From
// that follows what the log may still show:
//   - what was acknowledged, or was ever served, is there: at its offset, with its bytes, once; after a
//     power cut, what of it was durable (of a `batch` topic, that may be less);
//   - nothing is served that was not sent at that offset;
//   - what was deleted does not come back, and nothing else is deleted;
//   - if the device has lied, what is missing is reported; wrong bytes are not served even then.
//
// Ownership: a plain value that shares its batches, so a copy is cheap: the copy is checked against
// another future of the same past. The verdict must outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "sim/case.h"

namespace penstock::sim {

class Model {
 public:
  static constexpr std::int32_t kLeaderEpoch = 3;

  Model(Verdict& verdict, std::string name) : verdict_(&verdict), name_(std::move(name)) {}

  // A batch was given its offset. What was sent there before, in an earlier life, was never fixed.
  bool send(Offset base, Offset next, ByteView batch);
  void acknowledge(Offset base);
  // A batch was served: it must be the one that was sent there, and stays from now on.
  bool serve(Offset expected, ByteView batch, Offset& next);
  // Nothing could be served at `offset`, and the reader was told why.
  bool miss(Offset offset, const std::string& why);

  // Records below `start` are going to be deleted, and then they are.
  void ask_deletion(Offset start) { deletion_asked_ = std::max(deletion_asked_, start); }
  void confirm_deletion(Offset start) { deleted_below_ = std::max(deleted_below_, start); }
  // The log begins at `start`: neither before what was deleted nor behind what was asked for.
  bool begin(Offset start);

  // Everything below is on the device, and was when the machine died: a power cut takes none of it.
  void note_durable(Offset end) { durable_end_ = std::max(durable_end_, end); }

  // A machine starts, and then this is what its recovery has found.
  void start_life(bool after_kill);
  struct Recovered {
    Offset start;
    Offset end;
    std::vector<std::string> findings;
    bool refuses_appends = false;
  };
  bool recover(const Recovered& found);

  // The partition is going to be deleted, and then it is: with everything, and begins anew.
  void ask_destruction() { is_being_destroyed_ = true; }
  void confirm_destruction();
  bool is_being_destroyed() const { return is_being_destroyed_; }
  // How often it has begun anew.
  std::uint32_t generation() const { return generation_; }

  // The device has lied about a file of this partition: what it says is missing may be.
  void note_lie();
  // It has only read from elsewhere: damage may be reported that is none.
  void note_false_read() { may_report_damage_ = true; }
  bool may_report_damage() const { return may_report_damage_; }

  // Where the batch that holds `offset` begins: a log's first batch may begin below its start.
  Offset batch_at(Offset offset) const;
  // Everything below was acknowledged or served.
  Offset fixed_end() const { return fixed_end_; }
  std::uint64_t unacknowledged_kept() const { return unacknowledged_kept_; }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  const std::string& name() const { return name_; }

  bool fail(const std::string& what) { return verdict_->fail(name_ + ": " + what); }

 private:
  // Orders what happened: a number that grows with each event.
  using Tick = std::uint64_t;

  struct Sent {
    std::shared_ptr<const std::vector<std::byte>> batch;  // stamped, as it must be served
    Offset next;
    Tick sent_at = 0;
    Tick acknowledged_at = 0;  // 0: was not
    bool is_fixed = false;     // acknowledged or served: it must never change or go again
  };

  void fix(Sent& sent);
  Offset testified_end() const;
  void forget_from(Offset end);

  Verdict* verdict_;
  std::string name_;
  std::map<Offset, Sent> sent_;
  Offset fixed_end_;
  Offset durable_end_;
  Offset deletion_asked_;
  Offset deleted_below_;
  bool is_being_destroyed_ = false;
  std::uint32_t generation_ = 0;

  Tick now_ = 0;
  Tick life_started_at_ = 0;
  bool is_after_kill_ = false;
  Tick last_lie_at_ = 0;  // 0: none
  Offset sealed_end_;     // an intact and durable index tells of everything below
  bool may_report_damage_ = false;

  std::uint64_t unacknowledged_kept_ = 0;
  std::uint64_t acknowledged_count_ = 0;
};

}  // namespace penstock::sim
