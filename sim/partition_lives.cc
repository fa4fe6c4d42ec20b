#include "sim/partition_lives.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "disk/sim_disk.h"
#include "log/partition.h"
#include "log/testing/batches.h"

namespace penstock::sim {

namespace {

constexpr const char* kPartitionDirectory = "/data/topics/orders/0";
constexpr const char* kPoolDirectory = "/data/pool/0";

constexpr std::uint64_t kMostLives = 5;
constexpr std::uint64_t kMostProducers = 5;
constexpr std::uint64_t kMostBatchesPerProducer = 12;
constexpr std::uint64_t kMostBatchBytes = 9000;
constexpr std::uint64_t kMostCrashSteps = 700;
constexpr std::uint64_t kMostRecoveryCrashSteps = 60;

// What the outside world knows of the log.
class Model {
 public:
  struct Sent {
    std::vector<std::byte> batch;  // stamped, as it must be served
    Offset next;
    bool is_fixed = false;  // acknowledged or served: it must never change or go again
  };

  // A batch was given its offset. What was sent there before, in an earlier life, was never fixed.
  bool send(Offset base, Offset next, ByteView batch) {
    const auto place = sent_.find(base);
    if (place != sent_.end() && place->second.is_fixed) {
      return fail(fmt::format("offset {} was given away twice", base));
    }
    // Nor was what an earlier life sent to offsets inside of this batch.
    sent_.erase(sent_.upper_bound(base), sent_.lower_bound(next));
    Sent sent;
    sent.batch.assign(batch.begin(), batch.end());
    log::stamp_batch(sent.batch, base, kLeaderEpoch);
    sent.next = next;
    sent_.insert_or_assign(base, std::move(sent));
    return true;
  }

  void acknowledge(Offset base) {
    Sent& sent = sent_.at(base);
    sent.is_fixed = true;
    fixed_end_ = std::max(fixed_end_, sent.next);
  }

  // A batch was served: it must be the one that was sent there, and stays from now on.
  bool serve(Offset expected, ByteView batch, Offset& next) {
    const auto header = log::BatchHeader::parse(batch);
    if (!header) return fail(fmt::format("unreadable batch served at offset {}", expected));
    if (header->base_offset != expected) {
      return fail(fmt::format("batch at offset {} served where {} was expected", header->base_offset,
                              expected));
    }
    const auto place = sent_.find(expected);
    if (place == sent_.end() || !std::ranges::equal(place->second.batch, batch)) {
      return fail(fmt::format("wrong bytes served at offset {}", expected));
    }
    if (!place->second.is_fixed) ++unacknowledged_kept_;
    place->second.is_fixed = true;
    fixed_end_ = std::max(fixed_end_, header->next_offset());
    next = header->next_offset();
    return true;
  }

  // Records below `start` are going to be deleted, and then they are.
  void ask_deletion(Offset start) { deletion_asked_ = std::max(deletion_asked_, start); }
  void confirm_deletion(Offset start) { deleted_below_ = std::max(deleted_below_, start); }
  // The log begins at `start`: neither before what was deleted nor behind what was asked for.
  bool begin(Offset start) {
    if (start < deleted_below_) {
      return fail(
          fmt::format("the log begins at {}, and all below {} was deleted", start, deleted_below_));
    }
    if (start > deletion_asked_) {
      return fail(fmt::format("the log begins at {}, and only what is below {} was to be deleted",
                              start, deletion_asked_));
    }
    return true;
  }
  // Where the batch that holds `offset` begins: a log's first batch may begin below its start.
  Offset batch_at(Offset offset) const {
    const auto after = sent_.upper_bound(offset);
    return after == sent_.begin() ? offset : std::prev(after)->first;
  }

  bool fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
    return false;
  }

  // Everything below was acknowledged or served.
  Offset fixed_end() const { return fixed_end_; }
  const std::string& failure() const { return failure_; }
  std::uint64_t unacknowledged_kept() const { return unacknowledged_kept_; }

  static constexpr std::int32_t kLeaderEpoch = 3;

 private:
  std::map<Offset, Sent> sent_;
  Offset fixed_end_;
  Offset deletion_asked_;
  Offset deleted_below_;
  std::uint64_t unacknowledged_kept_ = 0;
  std::string failure_;
};

class Lives {
 public:
  explicit Lives(std::uint64_t seed) : random_(seed) {
    storage_.make_directories(kPartitionDirectory);
    storage_.make_directories(kPoolDirectory);
  }

  LivesOutcome run() {
    const std::uint64_t lives = 1 + random_.below(kMostLives);
    for (std::uint64_t i = 0; i < lives && model_.failure().empty(); ++i) live(How::kWorkAndDie);
    // Twice more, undisturbed: the second recovery must find what the first one found.
    if (model_.failure().empty()) live(How::kOnlyRecover);
    const Offset first_start = recovered_start_;
    const Offset first_end = recovered_end_;
    if (model_.failure().empty()) live(How::kOnlyRecover);
    if (recovered_start_ != first_start || recovered_end_ != first_end) {
      model_.fail(fmt::format("a second recovery finds {} to {}, the first one {} to {}",
                              recovered_start_, recovered_end_, first_start, first_end));
    }
    outcome_.failure = model_.failure();
    outcome_.passed = outcome_.failure.empty();
    outcome_.unacknowledged_kept = model_.unacknowledged_kept();
    return outcome_;
  }

 private:
  enum class How { kWorkAndDie, kOnlyRecover };

  struct Life {
    Life(SimStorage& storage, SimDiskOptions disk_options, log::SegmentPoolOptions pool_options,
         log::CatchUpOptions catch_up_options)
        : machine(storage, std::move(disk_options)),
          pool(machine.scheduler, machine.disk, kPoolDirectory, pool_options),
          catch_up(machine.scheduler, pool.commit_gaps(), catch_up_options) {
      PENSTOCK_ASSERT(catch_up.start(), "a small cache can be had");
    }

    SimMachine machine;
    log::SegmentPool pool;
    log::CatchUp catch_up;
    std::unique_ptr<log::Partition> partition;
    std::uint64_t producers_left = 0;
    bool is_deleting = false;
  };

  void live(How how) {
    ++outcome_.lives;
    SimDiskOptions disk_options;
    disk_options.seed = random_.next();
    log::SegmentPoolOptions pool_options;
    pool_options.smallest_bytes = 32 * kKiB;
    pool_options.ready_files = static_cast<std::uint32_t>(random_.below(3));
    log::CatchUpOptions catch_up_options;
    if (random_.one_in(4)) catch_up_options.memory_bytes = 0;
    // A few blocks: they are displaced all the time.
    if (!random_.one_in(4)) catch_up_options.cache_bytes = log::SegmentCache::kSmallestBytes;
    Life life(storage_, std::move(disk_options), pool_options, catch_up_options);

    if (how == How::kWorkAndDie) {
      const bool in_recovery = random_.one_in(4);
      const std::uint64_t steps =
          random_.below(in_recovery ? kMostRecoveryCrashSteps : kMostCrashSteps);
      const SimCrash death = random_.one_in(2) ? SimCrash::kPowerCut : SimCrash::kKill;
      if (!random_.one_in(6)) life.machine.disk.crash_after(steps, death);
    }
    life.machine.scheduler.run(spend(life, how));
    outcome_.trace_hash = outcome_.trace_hash * 31 + life.machine.disk.trace_hash();
  }

  Task<void> spend(Life& life, How how) {
    auto started = co_await life.pool.start();
    if (!started) {
      note_death(life, started.error(), /*recovering=*/true);
      co_await life.pool.close();
      co_return;
    }
    if (co_await recover(life)) {
      if (how == How::kWorkAndDie) co_await work(life);
      auto closed = co_await life.partition->close();
      if (!closed) note_death(life, closed.error(), /*recovering=*/false);
    }
    co_await life.pool.close();
  }

  Task<bool> recover(Life& life) {
    log::LogContext context{life.machine.scheduler, life.machine.disk, life.pool, random_};
    context.catch_up = &life.catch_up;
    log::PartitionOptions options;
    options.segment_bytes = 128 * kKiB;
    options.commit_bytes = 16 * kKiB;
    options.pending_bytes = 32 * kKiB;
    options.tail_bytes = random_.one_in(2) ? 0 : 64 * kKiB;
    options.commit_depth = static_cast<std::uint32_t>(1 + random_.below(3));
    log::PartitionId id;
    id.topic_name = "orders";
    auto opened = co_await log::Partition::open(context, kPartitionDirectory, id, options);
    if (!opened) {
      note_death(life, opened.error(), /*recovering=*/true);
      co_return false;
    }
    life.partition = std::move(*opened);
    const log::RecoveryReport& report = life.partition->recovery_report();
    if (!report.findings.empty())
      model_.fail("recovery reports damage where there is none: " + report.findings[0]);
    if (report.torn_bytes > 0) ++outcome_.torn_recoveries;
    recovered_start_ = life.partition->marks().log_start;
    recovered_end_ = life.partition->marks().high_watermark;
    if (!model_.begin(recovered_start_)) co_return true;
    if (recovered_end_ < model_.fixed_end()) {
      model_.fail(fmt::format("recovered up to {}, but everything below {} was acknowledged or served",
                              recovered_end_, model_.fixed_end()));
    }
    co_await read_all(life, recovered_end_);
    co_return true;
  }

  // Reads the log from its start to `end`, in steps of random size.
  Task<void> read_all(Life& life, Offset end) {
    Offset next = life.partition->marks().log_start;
    while (next < end && model_.failure().empty()) {
      log::ReadLimits limits;
      limits.max_bytes = 1 + random_.below(40 * kKiB);
      auto found = co_await life.partition->read(next, limits);
      const Offset start = life.partition->marks().log_start;
      if (!found && found.error().code() == ErrorCode::kOutOfRange && next < start) {
        next = start;  // deleted meanwhile
        continue;
      }
      if (!found) {
        note_death(life, found.error(), /*recovering=*/false);
        co_return;
      }
      if (found->batches.empty()) {
        model_.fail(fmt::format("nothing served at offset {}, below the durable end {}", next, end));
        co_return;
      }
      next = model_.batch_at(next);
      for (const SharedSlice& batch : found->batches) {
        if (!model_.serve(next, batch.view(), next)) co_return;
      }
    }
  }

  Task<void> work(Life& life) {
    life.producers_left = 1 + random_.below(kMostProducers);
    for (std::uint64_t i = life.producers_left; i > 0; --i) life.machine.scheduler.spawn(produce(life));
    if (random_.one_in(2)) life.machine.scheduler.spawn(delete_now_and_then(life));
    while (life.producers_left > 0 || life.is_deleting) {
      co_await life.machine.scheduler.sleep_for(std::chrono::microseconds(100 + random_.below(3000)));
      if (!life.machine.disk.has_crashed())
        co_await read_all(life, life.partition->marks().high_watermark);
    }
    outcome_.rolls += life.partition->size_bytes() / (64 * kKiB);
  }

  Task<void> produce(Life& life) {
    const std::uint64_t count = 1 + random_.below(kMostBatchesPerProducer);
    for (std::uint64_t i = 0; i < count && model_.failure().empty(); ++i) {
      log::testing::BatchShape shape;
      shape.record_count = static_cast<std::int32_t>(1 + random_.below(4));
      shape.payload_bytes = random_.below(kMostBatchBytes);
      const auto batch = log::testing::make_batch(random_.next(), shape);
      auto ticket = co_await life.partition->append(batch, Model::kLeaderEpoch);
      if (!ticket) {
        note_death(life, ticket.error(), /*recovering=*/false);
        break;
      }
      const Offset base = ticket->base_offset;
      if (!model_.send(base, ticket->next_offset, batch)) break;
      auto durable = co_await life.partition->wait_acknowledged(std::move(*ticket));
      if (!durable) {
        note_death(life, durable.error(), /*recovering=*/false);
        break;
      }
      model_.acknowledge(base);
      ++outcome_.acknowledged_batches;
      if (random_.one_in(3)) {
        co_await life.machine.scheduler.sleep_for(std::chrono::microseconds(random_.below(2000)));
      }
    }
    --life.producers_left;
  }

  // On request and by size, beside everything else.
  Task<void> delete_now_and_then(Life& life) {
    life.is_deleting = true;
    log::Partition& partition = *life.partition;
    while (life.producers_left > 0 && model_.failure().empty() && !life.machine.disk.has_crashed()) {
      co_await life.machine.scheduler.sleep_for(std::chrono::microseconds(random_.below(4000)));
      Result<void> done;
      if (random_.one_in(2)) {
        const auto reach = static_cast<std::uint64_t>(partition.marks().high_watermark.value) + 1;
        const Offset start{static_cast<std::int64_t>(random_.below(reach))};
        model_.ask_deletion(start);
        auto deleted = co_await partition.delete_below(start);
        if (deleted) model_.confirm_deletion(start);
        done = deleted ? Result<void>() : Result<void>(Unexpected(deleted.error()));
      } else {
        model_.ask_deletion(partition.marks().high_watermark);
        done = co_await partition.apply({.time = {}, .bytes = random_.below(200 * kKiB)});
        if (done) model_.confirm_deletion(partition.marks().log_start);
      }
      if (!done) note_death(life, done.error(), /*recovering=*/false);
      model_.begin(partition.marks().log_start);
      ++outcome_.deletions;
    }
    life.is_deleting = false;
  }

  // Errors are expected of a machine that has died, and of no other.
  void note_death(Life& life, const Error& error, bool recovering) {
    if (!life.machine.disk.has_crashed()) {
      model_.fail("an error on a healthy machine: " + error.message());
    } else if (recovering) {
      ++outcome_.crashes_in_recovery;
    }
  }

  Random random_;
  SimStorage storage_;
  Model model_;
  Offset recovered_start_;
  Offset recovered_end_;
  LivesOutcome outcome_;
};

}  // namespace

void LivesOutcome::count(const LivesOutcome& other) {
  lives += other.lives;
  crashes_in_recovery += other.crashes_in_recovery;
  acknowledged_batches += other.acknowledged_batches;
  rolls += other.rolls;
  deletions += other.deletions;
  torn_recoveries += other.torn_recoveries;
  unacknowledged_kept += other.unacknowledged_kept;
}

LivesOutcome run_partition_lives(std::uint64_t seed) { return Lives(seed).run(); }

}  // namespace penstock::sim
