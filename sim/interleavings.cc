// Commits in flight, and two commands to the partition that begin at every pair of suspension points.
//
// A case is a pair of commands and an order in which device calls complete; its points are the steps of
// the run at which the two begin: all of them, so each command meets the commits, the roll, the
// sealing, and the other command, at every moment of each.

#include <fmt/format.h>

#include <array>

#include "sim/campaigns.h"
#include "sim/script.h"
#include "task/sync.h"

namespace penstock::sim {

namespace {

enum class Command {
  kPurge,
  kDeleteRecords,
  kRetention,
  kDelete,
  kRoll,
  kClose,
  kRead,
  kScrub,
  kCompact,
  kChange
};
constexpr std::array kCommands = {
    Command::kPurge, Command::kDeleteRecords, Command::kRetention, Command::kDelete,  Command::kRoll,
    Command::kClose, Command::kRead,          Command::kScrub,     Command::kCompact, Command::kChange};
constexpr std::array<std::string_view, kCommands.size()> kNames = {
    "purge", "delete records", "retention", "delete",  "roll",
    "close", "read",           "scrub",     "compact", "change options"};

// How long calls take: all as long, so that they complete in order; later ones shorter, so that they
// overtake; or as drawn.
enum class Order { kInOrder, kOvertaking, kDrawn, kDrawnAgain };
constexpr std::uint64_t kOrders = 4;

constexpr std::uint64_t kPairs = kCommands.size() * kCommands.size();
constexpr std::uint64_t kCases = kPairs * kOrders;
// Odd, so that a short run visits all kinds of pairs.
constexpr std::uint64_t kStride = 89;

constexpr std::uint64_t kMostSteps = 1000;  // of a run; points are first * kMostSteps + second
constexpr std::size_t kCommits = 6;
constexpr std::uint64_t kBatchBytes = 12'000;  // a segment of 32 KiB is full after two or three

class Interleaving {
 public:
  Interleaving(std::uint64_t number, const CaseOptions& options, CaseResult& result)
      : number_(number), options_(options), result_(result) {
    const std::uint64_t place = number * kStride % kCases;
    order_ = static_cast<Order>(place / kPairs);
    first_ = place % kPairs / kCommands.size();
    second_ = place % kCommands.size();
  }

  void run() {
    constexpr std::uint64_t kNever = kMostSteps;
    const std::uint64_t steps = play(kNever, kNever);
    for (std::uint64_t first = 0; first <= steps; ++first) {
      // The second one at the same time, or while the first one or its consequences go on; in front of
      // it, it is another case's first.
      const std::uint64_t steps_with_first = play(first, kNever);
      for (std::uint64_t second = first; second <= steps_with_first; ++second) {
        const std::uint64_t point = first * kMostSteps + second;
        if (options_.point && *options_.point != point) continue;
        if (result_.verdict.has_failed()) return;
        result_.point = point;
        result_.counts.add("interleavings");
        result_.counts.add(kNames[first_]);
        play(first, second);
        result_.verdict.add_context(fmt::format("{} at step {}, {} at step {}, order {}",
                                                kNames[first_], first, kNames[second_], second,
                                                static_cast<int>(order_)));
        result_.point.reset();
      }
    }
  }

 private:
  struct Run {
    Shard* shard = nullptr;
    std::optional<std::uint64_t> begun_at{};  // the step at which the commits begin
    std::uint64_t left = 0;                   // clients and commands that have not ended
    bool is_closing = false;
    bool has_ended = false;
    std::uint64_t calls = 0;
  };

  // Returns how many steps there are while commits and commands run.
  std::uint64_t play(std::uint64_t first, std::uint64_t second) {
    SimStorage storage;
    World world(result_, options_, number_, 1);
    log::testing::LogShardOptions shard_options = draw_shard(world.random);
    Run run;
    std::uint64_t steps = 0;
    shard_options.disk.on_step = [&] {
      if (!run.begun_at || run.has_ended) return;
      const std::uint64_t step = run.shard->disk.steps() - *run.begun_at;
      steps = step;
      if (step == first) start(run, first_);
      if (step == second) start(run, second_);
    };
    if (order_ == Order::kInOrder || order_ == Order::kOvertaking) {
      shard_options.disk.call_latency = [this, &run] { return latency(run.calls++); };
    } else if (order_ == Order::kDrawnAgain) {
      shard_options.disk.seed += 1;
    }
    {
      Shard shard(storage, world, std::move(shard_options));
      run.shard = &shard;
      shard.excuse([&run](std::size_t, const Error& error) {
        return run.is_closing && error.code() == ErrorCode::kClosed;
      });
      run_within(shard, std::chrono::minutes(1), spend(run));
    }
    recover_image(storage, world, RecoverOptions{.goes_on = true});
    return std::min(steps, kMostSteps - 1);
  }

  // A run of calls takes less and less, so that later ones end first.
  Duration latency(std::uint64_t call) const {
    constexpr std::uint64_t kRun = 4;
    constexpr Duration kUnit = std::chrono::microseconds(100);
    if (order_ == Order::kInOrder) return kUnit;
    return kUnit * (kRun - call % kRun) + std::chrono::microseconds(call % 7);
  }

  Task<void> spend(Run& run) {
    Shard& shard = *run.shard;
    if (co_await shard.recover()) {
      // An older segment, and some of another.
      for (std::size_t i = 0; i < 4; ++i) (void)co_await shard.append(0, kBatchBytes);
      run.begun_at = shard.disk.steps();
      for (std::size_t i = 0; i < kCommits; ++i) begin(run, append(shard));
      while (run.left > 0) co_await shard.scheduler.sleep_for(std::chrono::microseconds(50));
      // Sealing and preparing go on in the background, and commands may begin then, too.
      co_await shard.scheduler.sleep_for(std::chrono::milliseconds(3));
      while (run.left > 0) co_await shard.scheduler.sleep_for(std::chrono::microseconds(50));
      run.has_ended = true;
      if (!shard.is_over()) co_await shard.read_all(0);
    }
    co_await shard.close();
  }

  void begin(Run& run, Task<void> task) {
    ++run.left;
    run.shard->scheduler.spawn(note_end(run, std::move(task)));
  }
  static Task<void> note_end(Run& run, Task<void> task) {
    co_await task;
    --run.left;
  }
  static Task<void> append(Shard& shard) { (void)co_await shard.append(0, kBatchBytes); }

  void start(Run& run, std::size_t command) {
    Shard& shard = *run.shard;
    const auto partition = shard.served(0).partition;
    if (!partition) return;  // closed or deleted: the broker knows it no longer
    const Offset end = partition->marks().high_watermark;
    log::Retention keep;
    keep.bytes = 40 * kKiB;
    switch (kCommands[command]) {
      case Command::kPurge: begin(run, shard.delete_below(0, end)); break;
      case Command::kDeleteRecords: begin(run, shard.delete_below(0, Offset{end.value / 2})); break;
      case Command::kRetention: begin(run, shard.retain(0, keep)); break;
      case Command::kDelete:
        run.is_closing = true;
        begin(run, shard.destroy(0));
        break;
      case Command::kRoll:
        for (int i = 0; i < 2; ++i) begin(run, append(shard));
        break;
      case Command::kClose:
        run.is_closing = true;
        begin(run, close(shard));
        break;
      case Command::kRead: begin(run, shard.read_all(0)); break;
      case Command::kScrub: begin(run, scrub(shard)); break;
      case Command::kCompact: begin(run, shard.compact(0)); break;
      case Command::kChange: begin(run, shard.change(0)); break;
    }
  }

  static Task<void> close(Shard& shard) {
    const auto partition = std::exchange(shard.served(0).partition, nullptr);
    if (!partition) co_return;
    auto closed = co_await partition->close();
    if (!closed) shard.note_error(0, closed.error(), "closing");
  }

  static Task<void> scrub(Shard& shard) {
    const auto partition = shard.served(0).partition;
    if (!partition) co_return;
    auto scrubbed = co_await partition->scrub(kGiB);
    if (!scrubbed) {
      if (scrubbed.error().code() != ErrorCode::kClosed)
        shard.note_error(0, scrubbed.error(), "scrubbing");
    } else if (scrubbed->finding_count > 0) {
      shard.verdict().fail("scrubbing reports damage where there is none");
    }
  }

  std::uint64_t number_;
  const CaseOptions& options_;
  CaseResult& result_;
  Order order_;
  std::size_t first_;
  std::size_t second_;
};

class InterleavingsCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "interleavings"; }
  std::string_view summary() const override {
    return "commits in flight and two commands that begin at every pair of suspension points";
  }
  std::uint64_t full_cases() const override { return kCases; }
  std::uint64_t test_cases() const override { return 3; }
  std::vector<std::string_view> must_meet() const override {
    return {"interleavings", "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    Interleaving(number, options, result).run();
  }
};

}  // namespace

Campaign& interleavings() {
  static InterleavingsCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
