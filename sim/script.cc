#include "sim/script.h"

#include "sim/clients.h"

namespace penstock::sim {

namespace {

constexpr std::uint64_t kMostPartitions = 2;
// A call is two steps. Closing takes some calls too: what has begun by then ends within kMostCalls.
constexpr std::uint64_t kLastStepOfWork = 2 * Script::kMostCalls - 120;

Task<void> recover_and_close(Shard& shard, bool appends, bool& is_recovering) {
  const bool recovered = co_await shard.recover();
  is_recovering = false;
  for (std::size_t i = 0; recovered && i < shard.count(); ++i) co_await shard.read_all(i);
  for (std::size_t i = 0; recovered && appends && i < shard.count(); ++i) {
    constexpr std::uint64_t kMostBytes = 3000;
    (void)co_await shard.append(i, kMostBytes);
  }
  if (appends && !shard.disk.has_crashed()) {
    shard.disk.crash(shard.random().coin() ? SimCrash::kPowerCut : SimCrash::kKill);
  }
  co_await shard.close();
}

Ends ends_of(Shard& shard) {
  Ends ends;
  for (std::size_t i = 0; i < shard.count(); ++i) {
    ends.emplace_back(shard.served(i).recovered_start, shard.served(i).recovered_end);
  }
  return ends;
}

}  // namespace

Script::Script(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
    : world_(result, options, seed, 1 + Random(seed).below(kMostPartitions)) {}

Activity Script::draw_activity() {
  Activity activity;
  activity.producers = 5;
  activity.batches_per_producer = 6;
  activity.batch_bytes = 9000;
  activity.steps_max = kLastStepOfWork;
  return activity;
}

void Script::play(const Hooks& hooks) {
  if (world_.random.coin()) live(Hooks{}, draw_activity(), /*dies=*/world_.random.coin());
  if (!world_.result->verdict.has_failed()) live(hooks, draw_activity(), /*dies=*/false);
}

void Script::live(const Hooks& hooks, Activity activity, bool dies) {
  log::testing::LogShardOptions options = draw_shard(world_.random);
  Shard* living = nullptr;
  if (hooks.on_step) {
    options.disk.on_step = [&] {
      if (living != nullptr) hooks.on_step(*living);
    };
  }
  if (hooks.on_call) {
    options.disk.on_call = [&](const SimCall& call) {
      return living == nullptr ? std::nullopt : hooks.on_call(*living, call);
    };
  }
  Shard shard(storage_, world_, std::move(options));
  living = &shard;
  if (hooks.excuse) shard.excuse(hooks.excuse);
  if (dies) shard.disk.crash_after(world_.random.below(kLastStepOfWork), SimCrash::kPowerCut);
  run_within(shard, activity.ends_within, spend(shard, hooks, activity));
  steps_ = shard.disk.steps();
}

Task<void> Script::spend(Shard& shard, const Hooks& hooks, Activity activity) {
  if (co_await shard.recover_and_read()) {
    co_await work(shard, activity);
    if (hooks.at_end && !shard.disk.has_crashed()) co_await hooks.at_end(shard);
  }
  co_await shard.close();
}

Ends recover_image(SimStorage& storage, World world, const RecoverOptions& options) {
  constexpr Duration kWithin = std::chrono::minutes(1);
  Ends ends;
  const std::uint64_t lives = options.goes_on ? 2 : 1;
  for (std::uint64_t i = 0; i < lives && !world.result->verdict.has_failed(); ++i) {
    log::testing::LogShardOptions shard_options = draw_shard(world.random);
    bool is_recovering = true;
    Shard* living = nullptr;
    if (options.on_step && i == 0) {
      shard_options.disk.on_step = [&] {
        if (living != nullptr && is_recovering) options.on_step(*living);
      };
    }
    Shard shard(storage, world, std::move(shard_options));
    living = &shard;
    const bool appends = options.goes_on && i == 0;
    run_within(shard, kWithin, recover_and_close(shard, appends, is_recovering));
    if (i == 0) ends = ends_of(shard);
  }
  return ends;
}

}  // namespace penstock::sim
