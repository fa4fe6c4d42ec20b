// The disk is full from some allocation of a script on, each in turn, until the clients have ended;
// then there is space again, and writing goes on without a restart.
//
// Two ways to be full: a device that has so many blocks left and no more, in steps of one block up to
// what the script needs; and one that refuses to reserve space from the nth time on (a quota).

#include <fmt/format.h>

#include <cerrno>

#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

constexpr Duration kSettles = std::chrono::milliseconds(100);

std::uint64_t used_blocks(const SimStorage& storage) {
  const SpaceInfo space = storage.space();
  return (space.total_bytes - space.available_bytes) / kBlockBytes;
}

class FullDiskCase {
 public:
  FullDiskCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
      : seed_(seed), options_(options), result_(result) {}

  void run() {
    measure();
    const std::uint64_t points = needed_blocks_ + 1 + allocations_;
    for (std::uint64_t point = 0; point < points && !result_.verdict.has_failed(); ++point) {
      if (options_.point && *options_.point != point) continue;
      result_.point = point;
      if (point <= needed_blocks_) {
        fill_up(point, std::nullopt);
      } else {
        fill_up(std::nullopt, point - needed_blocks_);
      }
      result_.point.reset();
    }
  }

 private:
  // What the script needs when there is enough.
  void measure() {
    Script script(seed_, options_, result_);
    std::optional<std::uint64_t> at_start;
    Script::Hooks hooks;
    hooks.on_call = [&](Shard&, const SimCall& call) -> std::optional<SimFault> {
      const std::uint64_t used = used_blocks(script.storage());
      if (!at_start) at_start = used;
      if (used > *at_start) needed_blocks_ = std::max(needed_blocks_, used - *at_start);
      if (call.op == SimOp::kAllocate) ++allocations_;
      return std::nullopt;
    };
    script.play(hooks);
  }

  void fill_up(std::optional<std::uint64_t> blocks_left, std::optional<std::uint64_t> nth_allocation) {
    Script script(seed_, options_, result_);
    bool is_first = true;
    bool is_full = true;
    std::uint64_t allocations = 0;
    Script::Hooks hooks;
    hooks.on_call = [&](Shard&, const SimCall& call) -> std::optional<SimFault> {
      if (blocks_left && std::exchange(is_first, false)) {
        script.storage().set_capacity((used_blocks(script.storage()) + *blocks_left) * kBlockBytes);
      }
      if (!nth_allocation || call.op != SimOp::kAllocate || ++allocations < *nth_allocation ||
          !is_full) {
        return std::nullopt;
      }
      result_.counts.add("allocations refused");
      return SimFault{.op = call.op, .errno_value = ENOSPC};
    };
    hooks.excuse = [&](std::size_t, const Error& error) {
      const bool is_it = is_full && error.code() == ErrorCode::kNoSpace;
      if (is_it) result_.counts.add("requests refused");
      return is_it;
    };
    hooks.at_end = [&](Shard& shard) { return free_and_go_on(shard, script.storage(), is_full); };
    script.play(hooks);
    World copy = script.world();
    recover_image(script.storage(), std::move(copy), RecoverOptions{.goes_on = true});
    result_.verdict.add_context(blocks_left ? fmt::format("with {} blocks left", *blocks_left)
                                            : fmt::format("full at allocation {}", *nth_allocation));
  }

  static Task<void> free_and_go_on(Shard& shard, SimStorage& storage, bool& is_full) {
    for (std::size_t i = 0; i < shard.count(); ++i) co_await shard.read_all(i);
    constexpr std::uint64_t kPlenty = kGiB;
    storage.set_capacity(kPlenty);
    // A preparation that has begun on the full disk may yet be refused.
    is_full = false;
    co_await shard.scheduler.sleep_for(kSettles);
    for (std::size_t i = 0; i < shard.count(); ++i) {
      const auto partition = shard.served(i).partition;
      if (!partition) continue;
      if (partition->fence()) shard.verdict().fail("a full disk has fenced a partition");
      const bool appended = co_await shard.append(i, 3000);
      if (!appended) shard.verdict().fail("there is space again, and an append is refused");
      if (appended) shard.counts().add("partitions that went on");
      co_await shard.read_all(i);
    }
  }

  std::uint64_t seed_;
  const CaseOptions& options_;
  CaseResult& result_;
  std::uint64_t needed_blocks_ = 0;
  std::uint64_t allocations_ = 0;
};

class FullDiskCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "full-disk"; }
  std::string_view summary() const override {
    return "ENOSPC from each allocation of a script on, then freed: resumes without restart";
  }
  std::uint64_t full_cases() const override { return 500; }
  std::uint64_t test_cases() const override { return 20; }
  std::vector<std::string_view> must_meet() const override {
    return {"allocations refused", "requests refused", "partitions that went on"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    FullDiskCase(number, options, result).run();
  }
};

}  // namespace

Campaign& full_disk() {
  static FullDiskCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
