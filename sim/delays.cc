// Completions that come in any order and up to 60 s late, in whole lives.

#include "sim/campaigns.h"
#include "sim/lives.h"

namespace penstock::sim {

namespace {

constexpr Duration kLongestDelay = std::chrono::seconds(60);
constexpr Duration kUsualLatency = std::chrono::microseconds(500);

class DelaysCase {
 public:
  void run(std::uint64_t number, const CaseOptions& options, CaseResult& result) {
    Random random(~number);
    LivesOptions lives;
    lives.most_lives = 2;
    lives.most_partitions = 2;
    lives.activity.ends_within = std::chrono::hours(48);
    // Either every call is slow, each as it likes; or a few are, and are overtaken by many.
    const bool all_are_slow = random.coin();
    const auto longest =
        Duration(random.between(1'000'000, static_cast<std::uint64_t>(kLongestDelay.count())));
    const std::uint64_t slow_one_in = 2 + random.below(30);
    // Who waits for nothing in particular waits longer, too.
    if (all_are_slow) {
      lives.activity.pause_factor = static_cast<std::uint64_t>(longest / kUsualLatency);
    } else {
      lives.activity.pause_factor =
          static_cast<std::uint64_t>(longest / kUsualLatency / slow_one_in) + 1;
    }
    lives.adjust = [&](log::testing::LogShardOptions& shard, Random&) {
      if (all_are_slow) {
        shard.disk.latency_max = longest;
        return;
      }
      shard.disk.on_call = [&](const SimCall& call) -> std::optional<SimFault> {
        if (!random.one_in(slow_one_in)) return std::nullopt;
        result.counts.add("calls delayed");
        const auto most = static_cast<std::uint64_t>(longest.count());
        return SimFault{
            .op = call.op, .kind = SimFaultKind::kSlow, .delay = Duration(random.between(0, most))};
      };
    };
    run_lives(number, lives, options, result);
  }
};

class DelaysCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "delays"; }
  std::string_view summary() const override {
    return "completions in any order and up to 60 s late, in whole lives";
  }
  std::uint64_t full_cases() const override { return 100'000; }
  std::uint64_t test_cases() const override { return 1000; }
  std::vector<std::string_view> must_meet() const override {
    return {"calls delayed", "batches acknowledged", "deaths in recovery"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    DelaysCase().run(number, options, result);
  }
};

}  // namespace

Campaign& delays() {
  static DelaysCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
