// Any sequence of calls, against a vector of bytes: on every make and mode of Disk, and in the
// simulator with deaths at any moment. rapidcheck prints the seed of a run, and the shortest sequence
// that fails.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <utility>

#include "file/testing/append_model.h"
#include "file/testing/drain.h"
#include "file/testing/every_disk.h"

namespace penstock::file {
namespace {

enum class Call { kAppend, kFlush, kSync, kSealAndOpen, kOpenWithCut, kReadBack };

struct Step {
  Call call = Call::kAppend;
  std::uint64_t number = 0;  // how many bytes, or where to cut
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  constexpr std::array kNames{"append", "flush", "sync", "seal and open", "open with cut", "read back"};
  return out << kNames.at(static_cast<std::size_t>(step.call)) << " " << step.number;
}

rc::Gen<std::uint64_t> append_sizes() {
  return rc::gen::weightedOneOf<std::uint64_t>({
      {6, rc::gen::inRange<std::uint64_t>(0, 600)},
      {4, rc::gen::inRange<std::uint64_t>(kBlockBytes - 2, kBlockBytes + 3)},
      {3, rc::gen::inRange<std::uint64_t>(0, 5 * kBlockBytes)},
      {1, rc::gen::inRange<std::uint64_t>(0, 40 * kBlockBytes)},
      {1, rc::gen::map(rc::gen::inRange<std::uint64_t>(0, 12),
                       [](std::uint64_t blocks) { return blocks * kBlockBytes; })},
  });
}

rc::Gen<Step> steps() {
  const rc::Gen<Call> calls = rc::gen::weightedElement<Call>({{12, Call::kAppend},
                                                              {3, Call::kFlush},
                                                              {3, Call::kSync},
                                                              {1, Call::kSealAndOpen},
                                                              {1, Call::kOpenWithCut},
                                                              {1, Call::kReadBack}});
  return rc::gen::mapcat(calls, [](Call call) {
    return rc::gen::map(append_sizes(), [call](std::uint64_t number) { return Step{call, number}; });
  });
}

rc::Gen<AppendOptions> any_options() {
  const auto blocks = [](std::uint64_t last) {
    return rc::gen::map(rc::gen::inRange<std::uint64_t>(1, last + 1),
                        [](std::uint64_t count) { return count * kBlockBytes; });
  };
  return rc::gen::build<AppendOptions>(
      rc::gen::set(&AppendOptions::buffer_bytes, blocks(8)),
      rc::gen::set(&AppendOptions::write_behind_max, rc::gen::inRange<std::size_t>(1, 4)),
      rc::gen::set(&AppendOptions::write_depth, rc::gen::inRange<std::size_t>(1, 4)),
      rc::gen::set(
          &AppendOptions::preparation,
          rc::gen::element(Preparation::kNone, Preparation::kAllocated, Preparation::kWritten)),
      rc::gen::set(&AppendOptions::preparation_step_bytes, blocks(16)));
}

Result<void> take(AppendModel& model, const Step& step) {
  switch (step.call) {
    case Call::kAppend: return model.append(step.number);
    case Call::kFlush: return model.flush();
    case Call::kSync: return model.sync();
    case Call::kSealAndOpen:
      if (auto sealed = model.seal(); !sealed) return sealed;
      return model.open(std::nullopt);
    case Call::kOpenWithCut:
      if (auto flushed = model.flush(); !flushed) return flushed;
      return model.open(model.size_bytes() - std::min(step.number, model.size_bytes()));
    case Call::kReadBack:
      if (auto flushed = model.flush(); !flushed) return flushed;
      return model.check_device();
  }
  return {};
}

// How many calls rapidcheck makes of each disk: it tries 100 times.
struct Amount {
  int files;
  std::size_t steps;  // for each
};
constexpr Amount kFew{.files = 1, .steps = 20};
constexpr Amount kMany{.files = 5, .steps = 200};

class AppendFileProperties : public testing::TestWithParam<DiskMake> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_ == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  }

  void expect_a_vector_of_bytes(Amount amount) {
    const bool holds = rc::check("an AppendFile is a vector of bytes", [&] {
      for (int i = 0; i < amount.files; ++i) run_script(amount.steps);
    });
    EXPECT_TRUE(holds);
  }

 private:
  void run_script(std::size_t step_count) {
    const AppendOptions options = *any_options();
    const auto script = *rc::gen::container<std::vector<Step>>(step_count, steps());
    AppendModel model(under_test_->root() + "/file", options);
    model.use(under_test_->scheduler(), under_test_->disk());
    RC_ASSERT(model.create().has_value());
    Result<void> done;
    for (std::size_t i = 0; i < script.size() && done; ++i) done = take(model, script[i]);
    if (done) done = model.seal();
    if (done) done = model.check_device();
    model.drop();
    drain(under_test_->scheduler());
    RC_ASSERT(under_test_->scheduler().run(under_test_->disk().remove(model.path())).has_value());
    RC_LOG() << model.complaint() << (done ? "" : done.error().message()) << '\n';
    RC_ASSERT(model.complaint() == "");
    RC_ASSERT(done.has_value());
  }

  std::unique_ptr<DiskUnderTest> under_test_;
};

// 2,000 calls where the device is.
TEST_P(AppendFileProperties, AnySequenceOfCallsIsAVectorOfBytes) { expect_a_vector_of_bytes(kFew); }

INSTANTIATE_TEST_SUITE_P(Every, AppendFileProperties, testing::ValuesIn(every_disk()), name_of_make);

// And 100,000 where they are fast.
class AppendFileManyCalls : public AppendFileProperties {};

TEST_P(AppendFileManyCalls, AnySequenceOfCallsIsAVectorOfBytes) { expect_a_vector_of_bytes(kMany); }

INSTANTIATE_TEST_SUITE_P(EveryFast, AppendFileManyCalls, testing::ValuesIn(every_fast_disk()),
                         name_of_make);

struct Life {
  std::vector<Step> script;
  std::uint64_t steps = 0;  // of the disk, until it dies
  SimCrash death = SimCrash::kPowerCut;
};

void showValue(const Life& life, std::ostream& out) {
  out << (life.death == SimCrash::kKill ? "kill" : "power cut") << " after " << life.steps << ":";
  for (const Step& step : life.script) out << " " << step << ";";
}

rc::Gen<Life> lives() {
  return rc::gen::build<Life>(
      rc::gen::set(&Life::script, rc::gen::container<std::vector<Step>>(12, steps())),
      rc::gen::set(&Life::steps, rc::gen::inRange<std::uint64_t>(0, 60)),
      rc::gen::set(&Life::death, rc::gen::element(SimCrash::kPowerCut, SimCrash::kKill)));
}

// Lives of one file, each of which ends in a death at any step, with writes behind and preparation in
// flight; the next one finds what it may find and goes on.
TEST(AppendFileCrashProperties, NoSequenceOfDeathsLosesWhatWasSynced) {
  const bool holds = rc::check("what was synced survives", [] {
    const AppendOptions options = *any_options();
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const auto script = *rc::gen::container<std::vector<Life>>(30, lives());
    SimStorage storage;
    storage.make_directories("/d");
    AppendModel model("/d/f", options);
    std::optional<SimCrash> last_death;
    for (std::size_t i = 0; i < script.size(); ++i) {
      const Life& life = script[i];
      SimMachine machine(storage, {.seed = seed + i});
      model.use(machine.scheduler, machine.disk);
      std::optional<std::uint64_t> end;
      if (last_death) end = model.check_survivors(*last_death);
      machine.disk.crash_after(machine.disk.steps() + life.steps, life.death);
      Result<void> done = end ? model.open(*end) : model.create();
      for (std::size_t k = 0; k < life.script.size() && done; ++k) done = take(model, life.script[k]);
      RC_ASSERT(done.has_value() || machine.disk.has_crashed());
      RC_ASSERT(model.complaint() == "");
      if (!machine.disk.has_crashed()) machine.disk.crash(life.death);
      last_death = life.death;
      model.drop();
      drain(machine.scheduler);
    }
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace penstock::file
