// Every write of a script that a power cut can catch, torn at every 512-byte cut of it.
//
// Its first sectors are kept, or its last ones; the changes beside it all or none. A write is torn
// again when something else is in flight beside it, or more was acknowledged.

#include <fmt/format.h>

#include <unordered_set>

#include "base/crc32c.h"
#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

class Torn final : public SimRemains {
 public:
  struct Options {
    bool keeps_first;   // the sectors in front of the cut, or those behind it
    bool keeps_others;  // the other changes
  };
  // `cut` is a sector of the file.
  Torn(const SimUnsynced& write, std::uint64_t cut, Options options)
      : at_(write.at), cut_(cut), options_(options) {}

  bool keeps(std::uint64_t at) const override { return at == at_ || options_.keeps_others; }
  bool keeps_sector(std::uint64_t at, std::uint64_t sector) const override {
    if (at != at_) return options_.keeps_others;
    return options_.keeps_first == (sector < cut_);
  }

 private:
  std::uint64_t at_;
  std::uint64_t cut_;
  Options options_;
};

// Zeros for a segment to come: whatever is left of them, they say nothing.
bool is_zeros(const SimUnsynced& write) {
  static constexpr std::array<std::byte, kSectorBytes> kSector{};
  std::uint32_t checksum = 0;
  for (std::uint64_t done = 0; done < write.length_bytes; done += kSectorBytes) {
    checksum = crc32c(kSector, checksum);
  }
  return checksum == write.checksum;
}

class TornWritesCase {
 public:
  TornWritesCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
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
    std::uint64_t beside = 0;
    for (const Model& model : shard.world_after(SimCrash::kPowerCut).models) {
      beside = mix64(beside * 31 + static_cast<std::uint64_t>(model.fixed_end().value));
    }
    for (const SimUnsynced& change : changes) beside += identity(change);
    result_.point = step;
    for (const SimUnsynced& change : changes) {
      if (change.length_bytes == 0 || is_zeros(change)) continue;
      if (!seen_.insert(mix64(identity(change) * 31 + beside)).second) continue;
      result_.counts.add("writes torn");
      tear(*image, change, shard, random);
    }
    result_.point.reset();
  }

  void tear(const SimStorage& image, const SimUnsynced& write, const Shard& shard, Random& random) {
    const std::uint64_t first = write.position / kSectorBytes;
    const std::uint64_t count = write.length_bytes / kSectorBytes;
    for (std::uint64_t cut = 0; cut <= count && !result_.verdict.has_failed(); ++cut) {
      for (const bool keeps_first : {true, false}) {
        const auto left = image.clone();
        const bool keeps_others = random.coin();
        left->power_cut(
            Torn(write, first + cut, {.keeps_first = keeps_first, .keeps_others = keeps_others}));
        World copy = shard.world_after(SimCrash::kPowerCut);
        copy.random = random.split();
        result_.counts.add("cuts");
        recover_image(*left, std::move(copy), RecoverOptions{.goes_on = random.one_in(8)});
        result_.verdict.add_context(fmt::format(
            "a write of {} bytes at {}, torn at sector {}, its {} sectors kept, the other changes {}",
            write.length_bytes, write.position, cut, keeps_first ? "first" : "last",
            keeps_others ? "kept" : "lost"));
      }
    }
  }

  static std::uint64_t identity(const SimUnsynced& change) {
    return mix64(mix64(change.position * 31 + change.length_bytes) * 31 + change.checksum);
  }

  const CaseOptions& options_;
  CaseResult& result_;
  Script script_;
  Random random_;
  std::unordered_set<std::uint64_t> seen_;
};

class TornWritesCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "torn-writes"; }
  std::string_view summary() const override {
    return "every write of a script in flight at a power cut, torn at every 512-byte cut";
  }
  std::uint64_t full_cases() const override { return 500; }
  std::uint64_t test_cases() const override { return 8; }
  std::vector<std::string_view> must_meet() const override { return {"cuts", "batches acknowledged"}; }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    TornWritesCase(number, options, result).run();
  }
};

}  // namespace

Campaign& torn_writes() {
  static TornWritesCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
