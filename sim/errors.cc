// The device refuses one call of a script: each of its calls in turn.

#include <fmt/format.h>

#include "log/testing/batches.h"
#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

class ErrorsCase {
 public:
  ErrorsCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
      : seed_(seed), options_(options), result_(result) {}

  void run() {
    std::uint64_t calls = 0;
    Script healthy(seed_, options_, result_);
    Script::Hooks count;
    count.on_call = [&](Shard&, const SimCall&) -> std::optional<SimFault> {
      ++calls;
      return std::nullopt;
    };
    healthy.play(count);
    for (std::uint64_t call = 1; call <= calls && !result_.verdict.has_failed(); ++call) {
      if (options_.point && *options_.point != call) continue;
      result_.point = call;
      fail_call(call);
      result_.point.reset();
    }
  }

 private:
  void fail_call(std::uint64_t nth) {
    Script script(seed_, options_, result_);
    Random random(seed_ * 1000 + nth);
    std::uint64_t calls = 0;
    std::optional<SimOp> failed;
    std::optional<std::size_t> hit;  // the partition that was told
    bool is_at_end = false;
    Script::Hooks hooks;
    hooks.on_call = [&](Shard&, const SimCall& call) -> std::optional<SimFault> {
      if (is_at_end || ++calls != nth) return std::nullopt;
      failed = call.op;
      result_.counts.add(fmt::format("EIO on {}", to_string(call.op)));
      return SimFault{.op = call.op, .errno_value = EIO};
    };
    // One call has failed, so one partition hears of it; or all, when it was the shard's.
    hooks.excuse = [&](std::size_t partition, const Error& error) {
      const bool is_its_error =
          failed && (error.code() == ErrorCode::kIo || error.code() == ErrorCode::kFenced);
      if (!is_its_error) return false;
      // What was done ahead is told to whoever needs it next, so maybe only at the end, and once.
      if (is_at_end && hit) return false;
      if (!hit) hit = partition;
      return *hit == partition;
    };
    hooks.at_end = [&](Shard& shard) { return go_on(shard, random, is_at_end); };
    script.play(hooks);
    // What was left after the end.
    World copy = script.world();
    recover_image(script.storage(), std::move(copy), RecoverOptions{.goes_on = true});
    if (failed) {
      result_.verdict.add_context(fmt::format("EIO on call {}, {}", nth, to_string(*failed)));
    }
  }

  // Reads go on everywhere; so do appends, but where a write has failed, and there none does. And what
  // was acknowledged survives.
  Task<void> go_on(Shard& shard, Random& random, bool& is_at_end) {
    is_at_end = true;
    for (std::size_t i = 0; i < shard.count(); ++i) {
      const auto partition = shard.served(i).partition;
      if (!partition) continue;
      co_await shard.read_all(i);
      if (!partition->fence()) {
        bool appended = co_await shard.append(i, 3000);
        if (!appended) appended = co_await shard.append(i, 3000);  // the first one was told the error
        if (!appended) shard.verdict().fail("a partition that is not fenced refuses an append");
        continue;
      }
      result_.counts.add("partitions fenced");
      const auto batch = log::testing::make_batch(1);
      auto refused = co_await partition->append(batch, Model::kLeaderEpoch);
      if (refused || refused.error().code() != ErrorCode::kFenced) {
        shard.verdict().fail("a partition whose write has failed takes an append");
      }
    }
    const SimCrash how = random.coin() ? SimCrash::kPowerCut : SimCrash::kKill;
    const auto image = shard.disk.image(how, random);
    World copy = shard.world_after(how);
    recover_image(*image, std::move(copy), RecoverOptions{.goes_on = true});
    is_at_end = false;  // what follows is the shard's closing, whose calls are the script's
  }

  std::uint64_t seed_;
  const CaseOptions& options_;
  CaseResult& result_;
};

class ErrorsCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "errors"; }
  std::string_view summary() const override { return "EIO on each device call of a script in turn"; }
  std::uint64_t full_cases() const override { return 500; }
  std::uint64_t test_cases() const override { return 20; }
  std::vector<std::string_view> must_meet() const override {
    return {"EIO on write", "EIO on sync", "EIO on read", "partitions fenced", "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    ErrorsCase(number, options, result).run();
  }
};

}  // namespace

Campaign& errors() {
  static ErrorsCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
