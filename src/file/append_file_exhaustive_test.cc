// Every script of calls up to a length, with a power cut and a kill at every step of each.
//
// A script is extended by one call at a time, and the deaths are tried in that last call only: those in
// the calls before it were tried when it was shorter. Scripts after which file and device are in the
// same state are extended once. That state is known from the calls: after open() it is the size;
// without preparation, after sync() too, with what the file remembers of its memory; else it is the
// sequence of calls since then, where appends that caused no device call are one append.
//
// The disk has no latency here, so that calls to the device do not overlap; the crash properties and
// the situations have the overlaps.

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <unordered_set>

#include "file/testing/append_model.h"
#include "file/testing/drain.h"

namespace penstock::file {
namespace {

enum class Call : std::uint8_t {
  kAppendByte,
  kAppend511,
  kAppendBlock,
  kAppend5000,
  kFlush,
  kSync,
  kSealAndOpen,
  kCrashAndOpen,
};
constexpr std::array kCalls{Call::kAppendByte,  Call::kAppend511,   Call::kAppendBlock,
                            Call::kAppend5000,  Call::kFlush,       Call::kSync,
                            Call::kSealAndOpen, Call::kCrashAndOpen};
constexpr std::array kEverydayCalls{Call::kAppend511, Call::kAppend5000, Call::kFlush, Call::kSync};
constexpr std::array kNames{"append 1", "append 511", "append 4096",   "append 5000",
                            "flush",    "sync",       "seal and open", "crash and open"};

std::size_t append_bytes(Call call) {
  switch (call) {
    case Call::kAppendByte: return 1;
    case Call::kAppend511: return 511;
    case Call::kAppendBlock: return kBlockBytes;
    case Call::kAppend5000: return 5000;
    default: return 0;
  }
}

using Script = std::vector<Call>;
using Alphabet = std::span<const Call>;

// In the course of a call: after how many steps of it, and how.
struct Death {
  std::uint64_t after_steps;
  SimCrash how;
};

// A storage, the machines that live and die on it one after the other, and the file.
class World {
 public:
  World(AppendOptions options, std::uint64_t seed) : model_("/d/f", options), seed_(seed) {
    storage_.make_directories("/d");
    boot();
  }
  ~World() { shut_down(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Result<void> create() { return model_.create(); }

  // Without preparation, nothing is left to tell after a sync but the size.
  void let_sync_tell_all() { sync_tells_all_ = true; }
  // Returns how many steps of the machine it took.
  std::uint64_t take(Call call, const std::optional<Death>& death);
  // What every death has to leave, and the next lives have to keep.
  void check_after(SimCrash how);

  // Names what file and device hold, for whatever will be called next.
  std::uint64_t state() const { return mix64(history_ ^ mix64(model_.size_bytes() + 1)); }
  AppendModel& model() { return model_; }
  SimMachine& machine() { return *machine_; }
  void must_succeed(const Result<void>& result) {
    if (!result && !machine_->disk.has_crashed()) failure_ = result.error().message();
  }
  std::string complaint() const { return failure_.empty() ? model_.complaint() : failure_; }

 private:
  static constexpr SimDiskOptions options_with(std::uint64_t seed) {
    SimDiskOptions options;
    options.seed = seed;
    options.latency_min = options.latency_max = Duration::zero();
    return options;
  }
  void boot() {
    machine_.emplace(storage_, options_with(++seed_));
    model_.use(machine_->scheduler, machine_->disk);
  }
  void shut_down() {
    model_.drop();
    drain(machine_->scheduler);
    machine_.reset();
  }
  void arm(const std::optional<Death>& death) {
    if (death) machine_->disk.crash_after(machine_->disk.steps() + death->after_steps, death->how);
  }
  void remember(Call call, std::uint64_t size_before, std::uint64_t steps);

  SimStorage storage_;
  AppendModel model_;
  std::uint64_t seed_;
  std::optional<SimMachine> machine_;
  std::string failure_;
  std::uint64_t history_ = 0;
  std::uint64_t opened_at_ = 0;
  bool has_sent_full_buffers_ = false;  // since it was opened
  bool sync_tells_all_ = false;
};

std::uint64_t World::take(Call call, const std::optional<Death>& death) {
  const std::uint64_t size_before = model_.size_bytes();
  std::optional<std::uint64_t> end;
  if (call == Call::kCrashAndOpen) {
    machine_->disk.power_cut();
    shut_down();
    boot();
    end = model_.check_survivors(SimCrash::kPowerCut);
  }
  const std::uint64_t steps_before = machine_->disk.steps();
  arm(death);
  Result<void> done;
  switch (call) {
    case Call::kFlush: done = model_.flush(); break;
    case Call::kSync: done = model_.sync(); break;
    case Call::kSealAndOpen:
      done = model_.seal();
      if (done) done = model_.open(std::nullopt);
      break;
    case Call::kCrashAndOpen: done = model_.open(end); break;
    default: done = model_.append(append_bytes(call)); break;
  }
  must_succeed(done);
  const std::uint64_t steps = machine_->disk.steps() - steps_before;
  remember(call, size_before, steps);
  return steps;
}

void World::remember(Call call, std::uint64_t size_before, std::uint64_t steps) {
  const bool is_append = append_bytes(call) > 0;
  if (call == Call::kSealAndOpen || call == Call::kCrashAndOpen) {
    history_ = 1;
    opened_at_ = model_.size_bytes();
    has_sent_full_buffers_ = false;
  } else if (call == Call::kSync && sync_tells_all_) {
    history_ = has_sent_full_buffers_ ? 2 : 3;
    if (opened_at_ == model_.size_bytes()) history_ += 2;
  } else if (!is_append || steps > 0) {
    history_ = mix64(history_ + 7) ^ mix64(size_before) ^ static_cast<std::uint64_t>(call);
    if (is_append) has_sent_full_buffers_ = true;
  }
}

void World::check_after(SimCrash how) {
  shut_down();
  boot();
  const std::optional<std::uint64_t> end = model_.check_survivors(how);
  if (!end) return;
  must_succeed(model_.open(end));
  machine_->disk.power_cut();
  shut_down();
  boot();
  const std::optional<std::uint64_t> kept = model_.check_survivors(SimCrash::kPowerCut);
  if (kept != end) failure_ = "what open() found or cut off was not durable";
}

class AllScripts {
 public:
  AllScripts(AppendOptions options, Alphabet calls, std::size_t longest)
      : options_(options), calls_(calls), longest_(longest) {}

  void visit() {
    std::vector<Script> frontier{{}};
    for (std::size_t length = 1; length <= longest_ && !testing::Test::HasFailure(); ++length) {
      std::vector<Script> next;
      for (const Script& script : frontier) {
        for (const Call call : calls_) extend(script, call, next);
        if (testing::Test::HasFailure()) return;
      }
      frontier = std::move(next);
    }
  }

  std::size_t states() const { return states_.size(); }
  std::uint64_t deaths() const { return deaths_; }

 private:
  void extend(const Script& script, Call call, std::vector<Script>& next) {
    std::uint64_t steps = 0;
    {
      World world(options_, 0);
      replay(world, script);
      steps = world.take(call, std::nullopt);
      expect_good(world, script, call, std::nullopt);
      if (states_.insert(world.state()).second) {
        next.push_back(script);
        next.back().push_back(call);
      }
    }
    // The device has not noticed.
    if (steps == 0) return;
    for (const SimCrash how : {SimCrash::kPowerCut, SimCrash::kKill}) {
      for (std::uint64_t step = 0; step <= steps; ++step) die(script, call, {step, how});
    }
  }

  void die(const Script& script, Call call, Death death) {
    // The seed decides what each power cut takes, also those before the last call.
    World world(options_, deaths_ * 8);
    replay(world, script);
    world.take(call, death);
    if (!world.machine().disk.has_crashed()) world.machine().disk.crash(death.how);
    world.check_after(death.how);
    expect_good(world, script, call, death);
    ++deaths_;
  }

  void replay(World& world, const Script& script) const {
    if (options_.preparation == Preparation::kNone) world.let_sync_tell_all();
    world.must_succeed(world.create());
    for (const Call call : script) world.take(call, std::nullopt);
  }

  static void expect_good(const World& world, const Script& script, Call last,
                          const std::optional<Death>& death) {
    if (world.complaint().empty()) return;
    std::string text;
    for (const Call call : script)
      text += std::string(kNames.at(static_cast<std::size_t>(call))) + ", ";
    text += kNames.at(static_cast<std::size_t>(last));
    if (death) {
      text += fmt::format(" ({} after step {})", death->how == SimCrash::kKill ? "kill" : "power cut",
                          death->after_steps);
    }
    ADD_FAILURE() << text << ": " << world.complaint();
  }

  AppendOptions options_;
  Alphabet calls_;
  std::size_t longest_;
  std::unordered_set<std::uint64_t> states_;
  std::uint64_t deaths_ = 0;
};

AppendOptions smallest(Preparation preparation) {
  AppendOptions options;
  options.buffer_bytes = kBlockBytes;
  options.preparation = preparation;
  options.preparation_step_bytes = 2 * kBlockBytes;
  return options;
}

// The counts are there so that a mistake in what makes two states the same one shows.

TEST(AppendFileExhaustive, EveryScriptOfEightEverydayCallsSurvivesEveryDeath) {
  AllScripts scripts(smallest(Preparation::kNone), kEverydayCalls, 8);
  scripts.visit();
  EXPECT_GT(scripts.states(), 15'000U);
  EXPECT_GT(scripts.deaths(), 100'000U);
}

TEST(AppendFileExhaustive, EveryScriptOfFiveCallsSurvivesEveryDeath) {
  AllScripts scripts(smallest(Preparation::kNone), kCalls, 5);
  scripts.visit();
  EXPECT_GT(scripts.states(), 5'000U);
  EXPECT_GT(scripts.deaths(), 90'000U);
}

TEST(AppendFileExhaustive, EveryScriptOfFourCallsSurvivesEveryDeathOverPreparedSpace) {
  for (const Preparation preparation : {Preparation::kAllocated, Preparation::kWritten}) {
    AllScripts scripts(smallest(preparation), kCalls, 4);
    scripts.visit();
    EXPECT_GT(scripts.deaths(), 25'000U);
  }
}

}  // namespace
}  // namespace penstock::file
