// One device call of a script is cut short, moves nothing, or is turned away: each of its calls in
// turn, in each way. Nobody above the disk may notice.

#include <fmt/format.h>

#include <cerrno>

#include "sim/campaigns.h"
#include "sim/script.h"

namespace penstock::sim {

namespace {

struct Way {
  const char* name;
  SimFaultKind kind;
  int errno_value;
};
constexpr Way kWays[] = {
    {"short", SimFaultKind::kShort, 0},
    {"nothing moved", SimFaultKind::kNothing, 0},
    {"EINTR", SimFaultKind::kError, EINTR},
    {"EAGAIN", SimFaultKind::kError, EAGAIN},
    {"ECANCELED", SimFaultKind::kError, ECANCELED},
};
constexpr std::uint64_t kWayCount = std::size(kWays);
// So many calls in a row, at most: fewer than an operation bears.
constexpr std::uint64_t kMostInARow = 3;

class DisturbedCase {
 public:
  DisturbedCase(std::uint64_t seed, const CaseOptions& options, CaseResult& result)
      : seed_(seed), options_(options), result_(result) {}

  void run() {
    std::uint64_t calls = 0;
    Script calm(seed_, options_, result_);
    Script::Hooks count;
    count.on_call = [&](Shard&, const SimCall&) -> std::optional<SimFault> {
      ++calls;
      return std::nullopt;
    };
    calm.play(count);
    for (std::uint64_t point = 0; point < calls * kWayCount; ++point) {
      if (options_.point && *options_.point != point) continue;
      if (result_.verdict.has_failed()) return;
      result_.point = point;
      disturb(1 + point / kWayCount, kWays[point % kWayCount]);
      result_.point.reset();
    }
  }

 private:
  void disturb(std::uint64_t nth, const Way& way) {
    Script script(seed_, options_, result_);
    Random random(seed_ * 1000 + nth);
    std::uint64_t calls = 0;
    const std::uint64_t last = nth + random.below(kMostInARow);
    Script::Hooks hooks;
    hooks.on_call = [&](Shard&, const SimCall& call) -> std::optional<SimFault> {
      ++calls;
      if (calls < nth || calls > last) return std::nullopt;
      const bool is_transfer = call.op == SimOp::kRead || call.op == SimOp::kWrite;
      if (!is_transfer && way.kind != SimFaultKind::kError) return std::nullopt;
      result_.counts.add(way.name);
      return SimFault{.op = call.op, .kind = way.kind, .errno_value = way.errno_value};
    };
    script.play(hooks);
    World copy = script.world();
    recover_image(script.storage(), std::move(copy), RecoverOptions{.goes_on = true});
    result_.verdict.add_context(fmt::format("{} on calls {} to {}", way.name, nth, last));
  }

  std::uint64_t seed_;
  const CaseOptions& options_;
  CaseResult& result_;
};

class DisturbedCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "disturbed"; }
  std::string_view summary() const override {
    return "short I/O, EINTR, EAGAIN, ECANCELED on each device call of a script in turn";
  }
  std::uint64_t full_cases() const override { return 200; }
  std::uint64_t test_cases() const override { return 3; }
  std::vector<std::string_view> must_meet() const override {
    return {"short", "nothing moved", "EINTR", "EAGAIN", "ECANCELED", "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    DisturbedCase(number, options, result).run();
  }
};

}  // namespace

Campaign& disturbed() {
  static DisturbedCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
