// What no sync has covered, at every moment of a script: every subset of it survives a power cut.
//
// A moment is known by what is in flight (position, length and checksum of each change), by how much
// was changed before and by what was acknowledged: one that was seen already is not looked at again.

#include <fmt/format.h>

#include <unordered_set>

#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

// Up to so many changes, all subsets; above, so many that are drawn.
constexpr std::size_t kMostExhaustive = 10;
constexpr std::uint64_t kSampled = 512;

class Subset final : public SimRemains {
 public:
  Subset(const std::vector<SimUnsynced>& changes, std::uint64_t kept) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if ((kept >> i & 1U) != 0) kept_.insert(changes[i].at);
    }
  }
  bool keeps(std::uint64_t at) const override { return kept_.contains(at); }

 private:
  std::unordered_set<std::uint64_t> kept_;
};

class InFlightCase {
 public:
  InFlightCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
      : options_(options), result_(result), script_(seed, options, result), random_(~seed) {
    // Each page of a batch topic's shared memory is one more change that may be kept or lost: too many.
    script_.world().commit_policies = CommitPolicies::kSync;
  }

  void run() {
    Script::Hooks hooks;
    hooks.on_step = [this](Shard& shard) { look_at(shard); };
    script_.play(hooks);
  }

 private:
  void look_at(Shard& shard) {
    const std::uint64_t step = shard.disk.steps();
    Random random = random_.split();
    if (result_.verdict.has_failed() || (options_.point && *options_.point != step)) return;
    const auto image = shard.disk.image_before_power_cut();
    const std::vector<SimUnsynced> changes = image->unsynced();
    if (!seen_.insert(identity(shard, changes)).second) return;
    result_.point = step;
    result_.counts.add("moments");
    if (changes.size() > kMostExhaustive) result_.counts.add("moments with more than 10 changes");
    const bool is_exhaustive = changes.size() <= kMostExhaustive;
    const std::uint64_t count = is_exhaustive ? std::uint64_t{1} << changes.size() : kSampled;
    for (std::uint64_t i = 0; i < count && !result_.verdict.has_failed(); ++i) {
      const std::uint64_t kept = is_exhaustive ? i : random.next();
      const auto left = image->clone();
      left->power_cut(Subset(changes, kept));
      World copy = shard.world_after(SimCrash::kPowerCut);
      copy.random = random.split();
      result_.counts.add("subsets");
      recover_image(*left, std::move(copy), RecoverOptions{.goes_on = random.one_in(8)});
      result_.verdict.add_context(
          fmt::format("step {}, with the changes {:#b} of {} kept", step, kept, changes.size()));
    }
    result_.point.reset();
  }

  static std::uint64_t identity(const Shard& shard, const std::vector<SimUnsynced>& changes) {
    std::uint64_t hash = shard.disk.changes();
    const auto fold = [&hash](std::uint64_t value) { hash = mix64(hash * 31 + value); };
    for (const SimUnsynced& change : changes) {
      fold(change.position);
      fold(change.length_bytes);
      fold(change.checksum);
    }
    for (const Model& model : shard.world_after(SimCrash::kPowerCut).models) {
      fold(static_cast<std::uint64_t>(model.fixed_end().value));
    }
    return hash;
  }

  const CaseOptions& options_;
  CaseResult& result_;
  Script script_;
  Random random_;
  std::unordered_set<std::uint64_t> seen_;
};

class InFlightCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "in-flight"; }
  std::string_view summary() const override {
    return "a power cut at every moment of a script keeps any subset of what is not synced";
  }
  std::uint64_t full_cases() const override { return 500; }
  std::uint64_t test_cases() const override { return 4; }
  std::vector<std::string_view> must_meet() const override {
    return {"subsets", "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    InFlightCase(number, options, result).run();
  }
};

}  // namespace

Campaign& in_flight() {
  static InFlightCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
