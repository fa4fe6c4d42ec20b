// Partition: an append-only sequence of record batches, durable when acknowledged.
//
// Appends collect into a commit while earlier commits are in flight; each commit is one aligned write
// with RWF_DSYNC into space that was written before, padded to a block, so an acknowledged block is
// never written again. Acknowledgements leave only from the contiguous durable end, in order.
//
// Ownership: owns its segments; context members must outlive it. close() or destroy() must have
// completed before it is destroyed. Threading: one shard's scheduler. Durability: what
// wait_acknowledged() reported as success survives the death of the process and a power cut. Every
// state change happens between suspension points of one coroutine at a time: see docs/design.md.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "disk/disk.h"
#include "file/shared_arena.h"
#include "log/catch_up.h"
#include "log/commit.h"
#include "log/log_stats.h"
#include "log/producers_file.h"
#include "log/recovery.h"
#include "log/reporter.h"
#include "log/segment.h"
#include "log/segment_pool.h"
#include "log/tail.h"
#include "task/sync.h"

namespace penstock::log {

class SegmentRewrite;

// When an append is acknowledged.
enum class CommitPolicy {
  kSync,   // when it is on the device
  kBatch,  // when it is in memory that outlives the process; it goes to the device with others, later
};

// With kBatch, what is acknowledged goes to the device when one of these is reached.
inline constexpr std::uint64_t kPersistBytesMin = 4 * kKiB;
inline constexpr std::uint64_t kPersistBytesMax = 64 * kMiB;
struct PersistThresholds {
  std::uint64_t records = 1024;
  std::uint64_t bytes = kMiB;
  Duration interval = std::chrono::seconds(1);  // since the oldest of them was acknowledged
};

// Where a commit starts.
enum class TailPolicy {
  kPad,      // at the next block: an acknowledged block is never written again
  kRewrite,  // where the one before ended: the unfinished block is written again with it
};

struct PartitionOptions {
  // The largest segment; a power of two. Segments grow up to it by doubling from the pool's smallest.
  std::uint64_t segment_bytes = 128 * kMiB;
  // So long after its first commit a segment takes no more of them: the next one begins another.
  Duration segment_age = Duration::max();
  // Commits in flight at once. Two keep the device busy while the next one collects.
  std::uint32_t commit_depth = 2;
  // A commit stops collecting here; a single larger batch still goes out whole.
  std::uint64_t commit_bytes = kMiB;
  // Appended and not yet acknowledged; beyond it append() waits.
  std::uint64_t pending_bytes = 16 * kMiB;
  // Newest bytes kept in memory for readers that keep up, unless its shard has a TailMemory.
  std::uint64_t tail_bytes = 4 * kMiB;
  TailPolicy tail = TailPolicy::kPad;
  // How much is committed between two checkpoints, and so scanned after a crash; 0: there are none.
  std::uint64_t checkpoint_bytes = 640 * kKiB;
  CommitPolicy commit = CommitPolicy::kSync;
  PersistThresholds persist{};
};

// What is kept of a log; nothing said keeps everything.
struct Retention {
  // Records older than this may go: by the newest timestamp of their segment, or, where the producer
  // gave none, by the segment's creation.
  std::optional<Duration> time;
  // The oldest segments go as long as this much is left.
  std::optional<std::uint64_t> bytes;
};

// What scrub() has read.
struct ScrubReport {
  std::uint64_t verified_bytes = 0;
  std::uint32_t finding_count = 0;  // segments with damage that was not known
};

struct CompactionOptions {
  // Sealed segments of which at least this share is padding are rewritten: 0.1 to 1.
  double pad_share_min = 0.25;
  // What is read, written and read back, together; at least 1.
  std::uint64_t bytes_per_second = 16 * kMiB;
};

// What compact() has done.
struct CompactionReport {
  std::uint64_t segments = 0;
  std::uint64_t rewritten_bytes = 0;  // the size of what they are now
  std::uint64_t reclaimed_bytes = 0;  // by which they are smaller

  void add(const CompactionReport& other) {
    segments += other.segments;
    rewritten_bytes += other.rewritten_bytes;
    reclaimed_bytes += other.reclaimed_bytes;
  }
};

// What a partition needs from its shard.
struct LogContext {
  Scheduler& scheduler;
  Disk& disk;
  SegmentPool& pool;
  Random& random;                // for salts
  Reporter* reporter = nullptr;  // none: nobody is told
  CatchUp* catch_up = nullptr;   // none: nothing is read ahead
  LogStats* stats = nullptr;     // none: each partition counts for itself
  TailMemory* tails = nullptr;   // none: each partition has PartitionOptions::tail_bytes of its own
};

// log_start <= durable_end <= written_end <= append_end, always, and durable_end <= high_watermark <=
// append_end.
struct Marks {
  Offset log_start;       // the first offset that can be read
  Offset durable_end;     // everything below is on the device
  Offset written_end;     // everything below has been submitted to the device
  Offset high_watermark;  // everything below is acknowledged, and may be read
  Offset append_end;      // the next offset to be given
};

class Partition {
 public:
  // Is told when the high watermark has moved or the partition has stopped; must not call back into the
  // partition.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_high_watermark() = 0;
  };

  // A batch that was taken in, and the commit that will carry it. If its producer numbers its batches,
  // `verdict` says whether it was: a duplicate has the offsets and, if it is still on its way, the
  // commit of the batch that was there before; the others have nothing.
  struct Ticket {
    Offset base_offset;
    Offset next_offset;
    CommitRef commit;  // null: nothing to wait for
    ProducerCheck verdict = ProducerCheck::kNext;
  };

  // Opens what is in `directory` (which exists, maybe empty), recovering it. Errors: the device's;
  // damage is not an error but stands in recovery_report().
  static Task<Result<std::unique_ptr<Partition>>> open(LogContext context, std::string directory,
                                                       PartitionId id, PartitionOptions options);
  ~Partition();

  // Takes in one record batch, valid as the broker checks it, and gives it the next offsets. `batch`
  // must stay until this returns; waits only when too much is pending. The batch is readable and
  // acknowledged when wait_acknowledged() has returned success. Errors: kTooLarge (it does not fit a
  // segment), kFenced, kClosed, kCorrupt (not a batch).
  // `verified`: see TransactionGuard.
  Task<Result<Ticket>> append(ByteView batch, std::int32_t leader_epoch,
                              std::optional<TransactionGuard> verified = std::nullopt);
  // Appends the marker that ends a producer's transaction here. It is acknowledged when it is durable,
  // also with CommitPolicy::kBatch: nobody would send it again.
  Task<Result<Ticket>> end_transaction(TransactionMarker marker, std::int32_t leader_epoch);

  // Waits until the batch is acknowledged: durable, or with CommitPolicy::kBatch in memory that
  // outlives the process, where there was room for it. Errors: kNoSpace (nothing was kept; later
  // appends may succeed), kIo and kFenced (whether the batch is kept is found out by the next
  // recovery), kTimeout (it may yet become durable).
  Task<Result<void>> wait_acknowledged(Ticket ticket, Instant deadline = Instant::kNever);

  // Whole durable batches from the one that contains `from`; none when `from` is the durable end.
  // Errors: kOutOfRange, kCorrupt, kIo, kClosed.
  Task<Result<Batches>> read(Offset from, ReadLimits limits);

  // The first batch with a record at or after `timestamp_ms`; nothing when there is none. Errors:
  // kCorrupt, kIo, kClosed.
  Task<Result<std::optional<SharedSlice>>> find_time(std::int64_t timestamp_ms);

  // Deletes everything below `start`, which is at most the durable end; returns where the log starts
  // now, durably: a later open() finds the same. Space is given back by whole segments; readers that
  // are at it finish. Errors: kOutOfRange, the device's (nothing was deleted), kClosed.
  Task<Result<Offset>> delete_below(Offset start);

  // Deletes the oldest segments that `keep` does not hold on to. The active one only goes when all of
  // it is too old and nothing is being appended. Errors: as delete_below().
  Task<Result<void>> apply(Retention keep);

  // Reads every sealed segment and checks every checksum; damage goes to the Reporter, once. Sleeps so
  // as to read no faster than `bytes_per_second` (at least 1). Errors: the device's, which end it;
  // kClosed, soon after close() or destroy() has been called.
  Task<Result<ScrubReport>> scrub(std::uint64_t bytes_per_second);

  // Rewrites sealed segments that are largely padding, one after the other. Readers do not notice; a
  // segment with damage stays as it is, and so does everything on a disk that is nearly full. Only one
  // runs at a time: a second one does nothing. Errors: the device's, which end it (the log is whole,
  // and the segment is not tried again in this life); kClosed, soon after close() or destroy() has been
  // called.
  Task<Result<CompactionReport>> compact(CompactionOptions options);
  // Of all compact() since open().
  const CompactionReport& compaction_totals() const { return compacted_; }

  // What a consumer of committed transactions may read up to: at most the high watermark, at least the
  // log's start.
  Offset last_stable_offset() const {
    return std::max(marks_.log_start, producers_.last_stable_offset(marks_.high_watermark));
  }
  // The producers that number their batches, and the transactions that they have aborted.
  const Producers& producers() const { return producers_; }

  const PartitionId& id() const { return id_; }
  const std::string& directory() const { return directory_; }
  const Marks& marks() const { return marks_; }
  // Why appends are refused; nothing while they are not.
  const std::optional<Error>& fence() const { return fence_; }
  const RecoveryReport& recovery_report() const { return recovery_report_; }
  // The shard's counters, or this partition's own when the context has none.
  const LogStats& stats() const { return *context_.stats; }
  // The largest timestamp of any batch; -1 when there is none.
  std::int64_t max_timestamp_ms() const;
  // On the device, as far as known without asking it.
  std::uint64_t size_bytes() const;

  void add_observer(Observer& observer) { observers_.push_back(&observer); }
  void remove_observer(Observer& observer) { std::erase(observers_, &observer); }

  // Takes over `segment_bytes`, `segment_age`, `tail`, `commit` and `persist`; the other options stay
  // as they are until the next open(). They hold for every append that begins after this has returned.
  // Errors: kClosed; kNoSpace, kIo and kFenced when what is acknowledged from memory cannot be written
  // now: then it stays where it is, and the options hold all the same.
  Task<Result<void>> change(PartitionOptions options);

  // Refuses new work, lets everything pending finish, and seals, so that the next open() scans nothing
  // but what a full disk had no room to seal.
  Task<Result<void>> close();

  // Refuses new work, lets everything pending finish, and removes the files and the directory.
  Task<Result<void>> destroy();

 private:
  Partition(LogContext context, std::string directory, PartitionId id, PartitionOptions options);

  // Committing.
  const CommitRef& collecting(std::uint64_t batch_bytes, Commit::Acknowledged acknowledged);
  bool is_due() const;
  void start_committing();
  Task<void> commit_loop(Gate::Hold hold);
  bool must_wait() const;
  bool has_room_for_next() const;
  Result<void> send_next();
  void send_full_commits();
  Task<void> write(CommitRef commit, SegmentRef segment, Gate::Hold hold);
  void acknowledge();
  void note_commit(const Commit& commit, Duration queued, Duration took);
  void settle(Commit& commit, const std::optional<Error>& error);
  void fail_collected(const Error& error);
  void fence_off(const Error& error);
  void note_space(bool has_space);
  void note_damage(const Error& error);
  void report(Reporter::Severity severity, std::string_view what) const;
  void notify();
  void check_marks() const;

  void start_checkpoint(const SegmentRef& segment);
  Task<void> write_checkpoint(SegmentRef segment, Gate::Hold hold);

  // Producers that number their batches.
  Task<Result<void>> prepare_for_producers();
  Ticket not_appended(const ProducerState::Checked& checked) const;
  CommitRef commit_of(Offset offset) const;
  ProducersAt durable_producers();
  void start_saving_producers();
  Task<void> save_producers_in_background(Gate::Hold hold);
  Task<Result<void>> save_producers();
  Task<Result<void>> recover_producers();
  Task<Result<void>> replay_producers(Offset from);

  // Acknowledging from memory.
  bool can_acknowledge_from_memory(std::uint64_t batch_bytes) const;
  void acknowledge_from_memory(ByteView batch, const BatchHeader& header);
  void persist_collected();
  void start_persist_timer();
  Task<void> persist_in_time(Gate::Hold hold);
  void try_again_later();
  Task<Result<void>> persist_below(Offset end);
  void strand(const CommitRef& commit, const Error& error);
  template <typename Visit>
  void visit_unpersisted(Visit visit) const;
  Batches read_unpersisted(Offset from, ReadLimits limits) const;
  std::optional<SharedSlice> find_time_unpersisted(std::int64_t timestamp_ms) const;
  void release_unsynced();
  Task<void> make_arena_in_background(Gate::Hold hold);
  Task<void> make_arena();
  Task<Result<void>> take_in_unsynced();
  Task<Result<void>> note_damaged_unsynced(std::string reason);
  Task<Result<void>> keep_damaged_unsynced();
  Task<Result<void>> remove_unsynced();
  file::ArenaIdentity arena_identity() const;
  std::string unsynced_path() const;

  // Changing options.
  void limit_segments(std::uint64_t segment_bytes);
  Task<Result<void>> change_commit_policy(CommitPolicy commit, PersistThresholds persist);
  bool is_too_old(const Segment& active) const;

  // Segments.
  EntryPlaces entry_places() const {
    return options_.tail == TailPolicy::kRewrite ? EntryPlaces::kAnywhere : EntryPlaces::kInCommits;
  }
  bool can_use_next(std::uint64_t needed_bytes) const;
  bool has_room(std::uint64_t device_bytes) const;
  std::uint64_t reach_bytes() const;
  Task<Result<void>> roll(std::uint64_t device_bytes);
  void start_preparing(std::uint64_t at_least_bytes);
  void prepare_ahead();
  Task<void> prepare_next(std::uint64_t size_bytes, SegmentPool::Preparation preparation,
                          Gate::Hold hold);
  Task<Result<SegmentRef>> make_segment(std::uint64_t size_bytes, SegmentPool::Preparation preparation);
  Task<void> seal_in_background(SegmentRef segment, Gate::Hold hold);
  Task<void> discard(SegmentRef segment);
  std::uint64_t next_segment_bytes(std::uint64_t at_least_bytes) const;
  SegmentPool::Preparation preparation() const;
  SegmentRef segment_of(Offset offset) const;
  Task<Result<Batches>> read_from_device(SegmentRef segment, Offset from, ReadLimits limits);
  Task<Result<std::optional<SharedSlice>>> find_time_in(SegmentRef segment, std::int64_t timestamp_ms);
  std::shared_ptr<File> open_at_pace(const SegmentRef& segment);
  Task<void> quiesce();

  // Deleting from the beginning.
  Offset start_to_keep(const Retention& keep) const;
  bool is_idle() const { return !committing_ && in_flight_.empty() && collected_.empty(); }
  bool can_go(const Segment& segment, Offset start) const;
  Task<Result<void>> move_start(Offset start);
  Task<Result<void>> remove_below_start();
  Task<Result<void>> forget_log_start();
  Task<Result<void>> remove_segment(SegmentRef segment);

  Task<Result<void>> scrub_segment(SegmentRef segment, std::uint64_t bytes_per_second,
                                   ScrubReport& report);

  Task<Result<void>> compact_all(CompactionOptions options, CompactionReport& report);
  Task<Result<void>> compact_segment(SegmentRef source, std::uint64_t bytes_per_second,
                                     CompactionReport& report);
  Task<Result<bool>> install(const SegmentRewrite& rewrite, SegmentRef target,
                             CompactionReport& totals);

  // Only when the context has none.
  std::unique_ptr<LogStats> own_stats_;
  std::unique_ptr<TailMemory> own_tail_memory_;
  LogContext context_;
  std::string directory_;
  PartitionId id_;
  PartitionOptions options_;
  RecoveryReport recovery_report_;

  Marks marks_;
  std::optional<Error> fence_;
  bool is_out_of_space_ = false;
  std::string reported_damage_;  // the newest, so that a reader who tries again does not repeat it
  std::vector<Observer*> observers_;

  std::vector<SegmentRef> segments_;  // in order; the last one is active unless sealed
  SegmentRef next_segment_;           // prepared, not yet in use
  std::optional<Error> prepare_error_;
  bool preparing_ = false;
  ZeroDemand next_demand_;  // of the segment that is being prepared
  Event prepared_;
  std::uint64_t next_segment_number_ = kFirstSegmentNumber;
  FilePosition write_position_;  // in the active segment
  // Where entries may start anywhere, what the block of write_position_ holds in front of it.
  SharedSlice block_start_;
  std::uint64_t wanted_commit_bytes_;       // what a commit stops at, where segments are large enough
  std::uint64_t largest_commit_bytes_ = 0;  // that the commits of a new segment may have
  std::uint64_t commit_count_ = 0;
  std::uint64_t committed_bytes_ = 0;

  struct InFlight {
    CommitRef commit;
    SegmentRef segment;
    std::optional<Instant> written_at{};
  };
  // Not yet submitted; the last one is still collecting. First those that are acknowledged, if any.
  std::deque<CommitRef> collected_;
  Offset leave_below_;              // what collects below this is to be submitted
  std::deque<InFlight> in_flight_;  // in the order of submission
  Event commit_finished_;
  bool committing_ = false;
  Semaphore pending_bytes_;  // appended and not acknowledged

  Producers producers_;
  ProducersFile producers_file_;
  Semaphore producers_turn_;  // of who writes the file
  std::size_t preparing_producers_ = 0;
  bool is_saving_producers_ = false;
  std::optional<Offset> producers_saved_end_;   // as of which the file is
  std::uint64_t producers_saved_at_bytes_ = 0;  // of what was committed

  // Of a batch topic: acknowledged from memory, and not to be submitted yet.
  struct Unpersisted {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  std::unique_ptr<file::SharedArena> arena_;  // holds what lies between durable end and high watermark
  bool making_arena_ = false;
  bool is_arena_unsupported_ = false;
  Instant make_arena_at_;
  bool is_leaving_memory_ = false;  // by change(): nothing is acknowledged from it
  bool is_taking_in_ = false;       // what an earlier life left; until then no memory is made
  // That is damaged, and still in its place: as what it is to be kept.
  std::optional<std::string> unsynced_aside_;
  Unpersisted unpersisted_;
  std::optional<Error> persist_error_;  // why what collects could not be written at the last try
  Instant persist_at_;
  bool persist_timer_runs_ = false;
  Event persist_timer_;
  std::deque<CommitRef> stranded_;  // acknowledged; only the shared memory has it, since writing failed

  Tail tail_;
  bool is_compacting_ = false;
  CompactionReport compacted_;
  Semaphore change_turn_;  // of changes of options
  Semaphore trim_turn_;    // of deletions from the beginning and installs of rewritten segments
  Gate gate_;              // appends, reads, deletions from the beginning, scrubbing and compaction
  Gate background_;        // commits, preparation, sealing, reads ahead
};

}  // namespace penstock::log
