// The eight situations that an appended byte can be in, on every make and mode of Disk and with every
// preparation; and in the simulator each with a death at every step.

#include <array>
#include <functional>

#include "file/testing/append_model.h"
#include "file/testing/drain.h"
#include "file/testing/every_disk.h"

namespace penstock::file {
namespace {

using Situation = Result<void> (*)(AppendModel& model);

// Stops at the first call that fails: a machine that has died answers nothing.
template <typename... Calls>
Result<void> in_order(Calls... calls) {
  Result<void> done;
  ((done = calls(), done.has_value()) && ...);
  return done;
}

constexpr std::uint64_t kBufferBytes = 4 * kBlockBytes;

Result<void> aligned_write_goes_straight_out(AppendModel& model) {
  return in_order([&] { return model.append(2 * kBlockBytes); }, [&] { return model.flush(); },
                  [&] { return model.sync(); }, [&] { return model.append(kBufferBytes); },
                  [&] { return model.sync(); }, [&] { return model.append(3 * kBufferBytes); });
}

Result<void> sub_block_write_stays_in_the_tail(AppendModel& model) {
  return in_order([&] { return model.append(100); }, [&] { return model.append(1); },
                  [&] { return model.append(kBlockBytes - 102); });
}

Result<void> second_write_completes_the_block(AppendModel& model) {
  return in_order([&] { return model.append(1000); }, [&] { return model.sync(); },
                  [&] { return model.append(kBlockBytes - 1000); }, [&] { return model.sync(); });
}

Result<void> write_that_straddles_the_boundary_splits(AppendModel& model) {
  return in_order([&] { return model.append(kBlockBytes - 10); }, [&] { return model.sync(); },
                  [&] { return model.append(30); }, [&] { return model.sync(); },
                  [&] { return model.append(2 * kBufferBytes + 1); }, [&] { return model.sync(); });
}

Result<void> flush_pads_and_the_next_append_continues(AppendModel& model) {
  return in_order([&] { return model.append(700); }, [&] { return model.flush(); },
                  [&] { return model.flush(); }, [&] { return model.append(700); },
                  [&] { return model.flush(); }, [&] { return model.sync(); },
                  [&] { return model.append(1); }, [&] { return model.flush(); });
}

Result<void> seal_cuts_to_the_exact_size(AppendModel& model) {
  return in_order([&] { return model.append(kBlockBytes + 1234); }, [&] { return model.seal(); });
}

Result<void> reopen_reads_the_tail_back(AppendModel& model) {
  return in_order([&] { return model.append(kBlockBytes + 100); }, [&] { return model.seal(); },
                  [&] { return model.open(std::nullopt); }, [&] { return model.append(50); },
                  [&] { return model.sync(); }, [&] { return model.open(kBlockBytes + 120); },
                  [&] { return model.append(5); }, [&] { return model.sync(); });
}

Result<void> everything_synced_at_once_and_again(AppendModel& model) {
  return in_order([&] { return model.append(300); }, [&] { return model.sync(); },
                  [&] { return model.append(300); }, [&] { return model.sync(); },
                  [&] { return model.sync(); }, [&] { return model.append(5 * kBufferBytes); },
                  [&] { return model.sync(); });
}

constexpr std::array kSituations{aligned_write_goes_straight_out,
                                 sub_block_write_stays_in_the_tail,
                                 second_write_completes_the_block,
                                 write_that_straddles_the_boundary_splits,
                                 flush_pads_and_the_next_append_continues,
                                 seal_cuts_to_the_exact_size,
                                 reopen_reads_the_tail_back,
                                 everything_synced_at_once_and_again};

AppendOptions options_for(Preparation preparation) {
  AppendOptions options;
  options.buffer_bytes = kBufferBytes;
  options.preparation = preparation;
  options.preparation_step_bytes = 8 * kBlockBytes;
  return options;
}

constexpr std::array kPreparations{Preparation::kNone, Preparation::kAllocated, Preparation::kWritten};

class AppendFileSituations : public testing::TestWithParam<DiskMake> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_ == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  }

  // The situation on a new file, with each preparation; then `check`.
  void expect(Situation situation, const std::function<void(AppendModel&)>& check) {
    for (const Preparation preparation : kPreparations) {
      SCOPED_TRACE(static_cast<int>(preparation));
      const std::string path =
          under_test_->root() + "/" + std::to_string(static_cast<int>(preparation));
      AppendModel model(path, options_for(preparation));
      model.use(under_test_->scheduler(), under_test_->disk());
      ASSERT_TRUE(model.create());
      const Result<void> done = situation(model);
      ASSERT_TRUE(done) << done.error().message();
      check(model);
      const Result<void> sealed = model.seal();
      ASSERT_TRUE(sealed) << sealed.error().message();
      expect_on_device(model);
      EXPECT_EQ(model.file().mode(), under_test_->disk().mode());
    }
  }
  static void expect_on_device(AppendModel& model) {
    ASSERT_TRUE(model.check_device());
    EXPECT_EQ(model.complaint(), "");
  }

  std::unique_ptr<DiskUnderTest> under_test_;
};

TEST_P(AppendFileSituations, AlignedWriteGoesStraightOut) {
  expect(aligned_write_goes_straight_out, [](AppendModel& model) {
    ASSERT_TRUE(model.flush());
    expect_on_device(model);
  });
}

TEST_P(AppendFileSituations, SubBlockWriteStaysInTheTail) {
  expect(sub_block_write_stays_in_the_tail, [](AppendModel& model) {
    const std::vector<std::byte> found = *model.read_back();
    EXPECT_TRUE(std::ranges::all_of(found, [](std::byte byte) { return byte == std::byte{0}; }))
        << "it was written without being asked for";
  });
}

TEST_P(AppendFileSituations, SecondWriteCompletesTheBlock) {
  expect(second_write_completes_the_block, expect_on_device);
}

TEST_P(AppendFileSituations, WriteThatStraddlesTheBoundarySplits) {
  expect(write_that_straddles_the_boundary_splits, expect_on_device);
}

TEST_P(AppendFileSituations, FlushPadsTheTailAndTheNextAppendContinuesInTheSameBlock) {
  expect(flush_pads_and_the_next_append_continues, expect_on_device);
}

TEST_P(AppendFileSituations, SealCutsToTheExactSize) {
  expect(seal_cuts_to_the_exact_size, [](AppendModel& model) {
    EXPECT_EQ(model.read_back()->size(), kBlockBytes + 1234);
    const Result<void> late = model.append(1);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), ErrorCode::kClosed);
  });
}

TEST_P(AppendFileSituations, ReopenReadsTheTailBack) {
  expect(reopen_reads_the_tail_back, expect_on_device);
}

TEST_P(AppendFileSituations, CrashLosesNothingThatWasSynced) {
  expect(everything_synced_at_once_and_again, expect_on_device);
}

INSTANTIATE_TEST_SUITE_P(Every, AppendFileSituations, testing::ValuesIn(every_disk()), name_of_make);

// One life that ends in a death, the lives after it, and what they find.
class DeathAtEveryStep : public testing::TestWithParam<Situation> {
 protected:
  struct Death {
    std::uint64_t step;
    SimCrash how;
    std::uint64_t seed;
    Preparation preparation;
  };

  // Returns false when the script ended before the death.
  static bool die_and_recover(const Death& death) {
    SimStorage storage;
    storage.make_directories("/d");
    AppendModel model("/d/f", options_for(death.preparation));
    bool died_on_the_way = false;
    {
      SimMachine machine(storage, {.seed = death.seed});
      model.use(machine.scheduler, machine.disk);
      machine.disk.crash_after(death.step, death.how);
      const Result<void> created = model.create();
      if (created) (void)GetParam()(model);
      died_on_the_way = machine.disk.has_crashed();
      if (!died_on_the_way) machine.disk.crash(death.how);
      model.drop();
      drain(machine.scheduler);
    }
    recover(storage, model, death);
    return died_on_the_way;
  }

  static void recover(SimStorage& storage, AppendModel& model, const Death& death) {
    std::optional<std::uint64_t> end;
    {
      SimMachine machine(storage, {.seed = death.seed + 1});
      model.use(machine.scheduler, machine.disk);
      end = model.check_survivors(death.how);
      if (!end) return;
      const Result<void> opened = model.open(*end);
      ASSERT_TRUE(opened) << opened.error().message();
      machine.disk.power_cut();
      model.drop();
      drain(machine.scheduler);
    }
    // What open() cut off does not come back, and what it kept is durable.
    SimMachine machine(storage, {.seed = death.seed + 2});
    model.use(machine.scheduler, machine.disk);
    ASSERT_EQ(model.check_survivors(SimCrash::kPowerCut), end);
    ASSERT_TRUE(model.open(std::nullopt));
    ASSERT_TRUE(model.append(777));
    ASSERT_TRUE(model.sync());
    ASSERT_TRUE(model.check_device());
    ASSERT_EQ(model.complaint(), "");
    model.drop();
    drain(machine.scheduler);
  }
};

TEST_P(DeathAtEveryStep, LosesNothingThatWasSyncedAndBringsNothingBack) {
  constexpr std::uint64_t kSeeds = 20;
  for (const Preparation preparation : kPreparations) {
    for (const SimCrash how : {SimCrash::kPowerCut, SimCrash::kKill}) {
      for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        for (std::uint64_t step = 0;; ++step) {
          const Death death{
              .step = step, .how = how, .seed = seed * 1000 + step, .preparation = preparation};
          const bool died_on_the_way = die_and_recover(death);
          ASSERT_FALSE(HasFailure()) << "preparation " << static_cast<int>(preparation) << ", "
                                     << (how == SimCrash::kKill ? "kill" : "power cut")
                                     << " after step " << step << ", seed " << seed;
          if (!died_on_the_way) break;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Situations, DeathAtEveryStep, testing::ValuesIn(kSituations));

}  // namespace
}  // namespace penstock::file
