#include "sim/lives.h"

#include <fmt/format.h>

#include "sim/campaigns.h"
#include "sim/clients.h"

namespace penstock::sim {

namespace {

constexpr std::uint64_t kMostCrashSteps = 600;
constexpr std::uint64_t kMostRecoveryCrashSteps = 90;

class Lives {
 public:
  Lives(std::uint64_t seed, const LivesOptions& lives, const CaseOptions& options, CaseResult& result)
      : lives_(lives),
        result_(result),
        world_(result, options, seed, 1 + Random(seed).below(lives.most_partitions)) {
    world_.commit_policies = lives.commit_policies;
  }

  void run() {
    const std::uint64_t count = 1 + world_.random.below(lives_.most_lives);
    for (std::uint64_t i = 0; i < count && !has_failed(); ++i) work_and_die();
    // Twice more, undisturbed: the second recovery must find what the first one found.
    const auto first = has_failed() ? Ends{} : only_recover();
    const auto second = has_failed() ? Ends{} : only_recover();
    if (!has_failed() && first != second) {
      result_.verdict.fail("a second recovery finds another log than the first one");
    }
    count_models(world_);
  }

 private:
  using Ends = std::vector<std::pair<Offset, Offset>>;

  bool has_failed() const { return result_.verdict.has_failed(); }

  void work_and_die() {
    result_.counts.add("lives");
    Random& random = world_.random;
    log::testing::LogShardOptions options = draw_shard(random);
    if (lives_.adjust) lives_.adjust(options, random);
    Shard shard(storage_, world_, std::move(options));
    const bool in_recovery = random.one_in(4);
    const std::uint64_t steps = random.below(in_recovery ? kMostRecoveryCrashSteps : kMostCrashSteps);
    const SimCrash death = random.coin() ? SimCrash::kPowerCut : SimCrash::kKill;
    if (!random.one_in(6)) shard.disk.crash_after(steps, death);
    if (lives_.at_start) lives_.at_start(shard);
    run_within(shard, lives_.activity.ends_within, spend(shard));
    if (shard.disk.has_crashed()) result_.counts.add("deaths");
  }

  Task<void> spend(Shard& shard) {
    if (co_await shard.recover_and_read()) {
      co_await work(shard, lives_.activity);
      for (std::size_t i = 0; i < shard.count() && !shard.is_over(); ++i) co_await shard.read_all(i);
    } else if (shard.disk.has_crashed()) {
      result_.counts.add("deaths in recovery");
    }
    co_await shard.close();
  }

  Ends only_recover() {
    Shard shard(storage_, world_, draw_shard(world_.random));
    run_within(shard, lives_.activity.ends_within, recover_and_close(shard));
    Ends ends;
    for (std::size_t i = 0; i < shard.count(); ++i) {
      ends.emplace_back(shard.served(i).recovered_start, shard.served(i).recovered_end);
    }
    return ends;
  }

  static Task<void> recover_and_close(Shard& shard) {
    (void)co_await shard.recover_and_read();
    co_await shard.close();
  }

  const LivesOptions& lives_;
  CaseResult& result_;
  SimStorage storage_;
  World world_;
};

class LivesCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "lives"; }
  std::string_view summary() const override {
    return "whole lives of shards: clients, operators, crashes, restarts";
  }
  std::uint64_t full_cases() const override { return 200'000; }
  std::uint64_t test_cases() const override { return 2000; }
  std::vector<std::string_view> must_meet() const override {
    return {"batches acknowledged", "deaths in recovery",          "deletions from the beginning",
            "rounds of retention",  "unacknowledged batches kept", "bytes scrubbed",
            "searches by time",     "changes of options",          "partitions deleted and created"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    run_lives(number, LivesOptions{}, options, result);
  }
};

}  // namespace

void run_lives(std::uint64_t seed, const LivesOptions& lives, const CaseOptions& options,
               CaseResult& result) {
  Lives(seed, lives, options, result).run();
}

void count_models(const World& world) {
  for (const Model& model : world.models) {
    world.result->counts.add("unacknowledged batches kept", model.unacknowledged_kept());
  }
}

Campaign& lives() {
  static LivesCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
