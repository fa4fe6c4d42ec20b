// A crash between any two device calls, and in the recovery from it, three deep.

#include <fmt/format.h>

#include <algorithm>

#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

constexpr std::size_t kDeepest = 3;
// Of the deaths of a script, one in so many has its recovery die at every step as well.
constexpr std::uint64_t kDeepOneIn = 8;

std::string_view name_of(SimCrash how) { return how == SimCrash::kKill ? "kill" : "power cut"; }

class CrashesCase {
 public:
  CrashesCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
      : options_(options), result_(result), script_(seed, options, result), random_(~seed) {}

  void run() {
    Script::Hooks hooks;
    hooks.on_step = [this](Shard& shard) { die_in_a_copy(shard); };
    script_.play(hooks);
    if (script_.steps() > 2 * Script::kMostCalls) result_.counts.add("scripts of more than 200 I/Os");
    result_.counts.add("scripts");
  }

 private:
  void die_in_a_copy(Shard& shard) {
    const std::uint64_t step = shard.disk.steps();
    Random random = random_.split();
    if (result_.verdict.has_failed() || (options_.point && *options_.point != step)) return;
    result_.point = step;
    for (const SimCrash how : {SimCrash::kPowerCut, SimCrash::kKill}) {
      const auto image = shard.disk.image(how, random);
      const bool is_deep = random.one_in(kDeepOneIn);
      result_.counts.add("deaths");
      recover(*image, shard.world_after(how), how, random, is_deep);
      result_.verdict.add_context(fmt::format("{} at step {}", name_of(how), step));
      if (result_.verdict.has_failed()) return;
    }
    result_.point.reset();
  }

  // What recoveries that died on the way have found, in the end.
  struct Found {
    bool must_be_equal;
    Ends ends;
  };

  void recover(SimStorage& image, const World& world, SimCrash death, Random& random, bool is_deep) {
    std::vector<Found> found;
    RecoverOptions recovery;
    recovery.goes_on = true;
    if (is_deep) {
      recovery.on_step = [&](Shard& shard) {
        for (const SimCrash how : {SimCrash::kPowerCut, SimCrash::kKill}) {
          die_in_recovery(shard, {death, how}, random, found);
        }
      };
    }
    World copy = world;
    copy.random = random.split();
    const Ends ends = recover_image(image, std::move(copy), recovery);
    for (const Found& other : found) {
      if (other.must_be_equal && other.ends != ends) {
        result_.verdict.fail("a recovery that died and began again finds another log");
      }
    }
  }

  // Each recovery at the second level dies once more, at one of its steps.
  void die_in_recovery(Shard& shard, const std::vector<SimCrash>& deaths, Random& random,
                       std::vector<Found>& found) {
    if (result_.verdict.has_failed()) return;
    const bool is_deepest = deaths.size() == kDeepest;
    result_.counts.add(is_deepest ? "deaths in the recovery from that" : "deaths in recovery");
    const std::uint64_t step = shard.disk.steps();
    const auto image = shard.disk.image(deaths.back(), random);
    constexpr std::uint64_t kMostSteps = 60;
    const std::uint64_t dies_at = random.below(kMostSteps);
    RecoverOptions recovery;
    if (!is_deepest) {
      recovery.on_step = [&](Shard& again) {
        if (again.disk.steps() != dies_at) return;
        std::vector<SimCrash> longer = deaths;
        longer.push_back(random.coin() ? SimCrash::kPowerCut : SimCrash::kKill);
        die_in_recovery(again, longer, random, found);
      };
    }
    World copy = shard.world_after(deaths.back());
    copy.random = random.split();
    Ends ends = recover_image(*image, std::move(copy), recovery);
    // What a power cut has left is durable, and kills take nothing; but what a kill has left, a power
    // cut may take, if nobody was told of it.
    const bool must_be_equal = deaths.front() == SimCrash::kPowerCut ||
                               std::ranges::find(deaths, SimCrash::kPowerCut) == deaths.end();
    found.push_back({must_be_equal, std::move(ends)});
    result_.verdict.add_context(fmt::format("{} at step {} of recovery", name_of(deaths.back()), step));
  }

  const CaseOptions& options_;
  CaseResult& result_;
  Script script_;
  Random random_;
};

class CrashesCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "crashes"; }
  std::string_view summary() const override {
    return "a crash between any two I/Os of a script, and in recovery, three deep";
  }
  std::uint64_t full_cases() const override { return 500; }
  std::uint64_t test_cases() const override { return 1; }
  std::vector<std::string_view> must_meet() const override {
    return {"deaths", "deaths in recovery", "deaths in the recovery from that", "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    CrashesCase(number, options, result).run();
  }
};

}  // namespace

Campaign& crashes() {
  static CrashesCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
