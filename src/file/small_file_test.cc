#include "file/small_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "disk/sim_disk.h"

namespace penstock::file {
namespace {

std::vector<std::byte> bytes_of(char letter, std::size_t size_bytes) {
  return std::vector<std::byte>(size_bytes, static_cast<std::byte>(letter));
}

class SmallFile : public ::testing::Test {
 protected:
  SmallFile() { storage_.make_directories("/d"); }

  static Result<void> replace(SimMachine& machine, std::vector<std::byte> contents) {
    return machine.scheduler.run(replace_small_file(machine.disk, "/d", "f", std::move(contents)));
  }
  static Result<std::vector<std::byte>> read(SimMachine& machine) {
    return machine.scheduler.run(read_small_file(machine.disk, "/d/f"));
  }

  SimStorage storage_;
};

TEST_F(SmallFile, IsReadBackExactly) {
  SimMachine machine(storage_);
  for (const std::size_t size : {0UL, 1UL, 511UL, 4095UL, 4096UL, 4097UL, 100'000UL, 3UL}) {
    const auto replaced = replace(machine, bytes_of('x', size));
    ASSERT_TRUE(replaced) << replaced.error().message();
    EXPECT_EQ(*read(machine), bytes_of('x', size));
  }
  EXPECT_FALSE(storage_.exists("/d/f.tmp"));
}

TEST_F(SmallFile, ThatDidNotFitLeavesTheOldOneAndNothingElse) {
  SimMachine machine(storage_);
  ASSERT_TRUE(replace(machine, bytes_of('o', 10)));
  machine.disk.inject({.op = SimOp::kWrite, .path_part = "f.tmp", .errno_value = ENOSPC});
  const auto refused = replace(machine, bytes_of('n', 10));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  EXPECT_FALSE(storage_.exists("/d/f.tmp"));
  EXPECT_EQ(*read(machine), bytes_of('o', 10));
}

TEST_F(SmallFile, ThatIsMissingIsNotFound) {
  SimMachine machine(storage_);
  const auto missing = read(machine);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

TEST_F(SmallFile, ThatIsNotSmallIsRefusedBeforeItIsRead) {
  SimMachine machine(storage_);
  auto file = machine.scheduler.run(machine.disk.open("/d/f", {.write = true, .create = true}));
  ASSERT_TRUE(machine.scheduler.run((*file)->truncate(kMaxSmallFileBytes + 1)));
  const auto refused = read(machine);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kTooLarge);
}

TEST_F(SmallFile, WhatACrashLeftOfAnEarlierReplacementIsNotMixedIn) {
  SimMachine machine(storage_);
  auto left = machine.scheduler.run(machine.disk.open("/d/f.tmp", {.write = true, .create = true}));
  ASSERT_TRUE(machine.scheduler.run((*left)->truncate(50'000)));
  left->reset();
  ASSERT_TRUE(replace(machine, bytes_of('n', 10)));
  EXPECT_EQ(*read(machine), bytes_of('n', 10));
}

TEST_F(SmallFile, IsTheOldOneOrTheNewOneAfterADeathAtAnyStep) {
  const auto old_contents = bytes_of('o', 5000);
  const auto new_contents = bytes_of('n', 9000);
  for (const bool has_old : {true, false}) {
    for (const SimCrash death : {SimCrash::kPowerCut, SimCrash::kKill}) {
      for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        // More steps than it takes: the last ones die after it has returned.
        for (std::uint64_t step = 0; step <= 14; ++step) {
          SimStorage storage;
          storage.make_directories("/d");
          if (has_old) {
            SimMachine machine(storage);
            ASSERT_TRUE(replace(machine, old_contents));
          }
          bool acknowledged = false;
          {
            SimMachine machine(storage, {.seed = seed});
            machine.disk.crash_after(step, death);
            acknowledged = replace(machine, new_contents).has_value();
            if (!machine.disk.has_crashed()) machine.disk.crash(death);
          }
          SimMachine machine(storage);
          const auto found = read(machine);
          if (acknowledged) {
            ASSERT_TRUE(found);
            ASSERT_EQ(*found, new_contents);
          } else if (has_old) {
            ASSERT_TRUE(found);
            ASSERT_TRUE(*found == old_contents || *found == new_contents) << "step " << step;
          } else {
            ASSERT_TRUE(!found || *found == new_contents) << "step " << step;
          }
        }
      }
    }
  }
}

TEST_F(SmallFile, AFailureIsAnErrorAndLeavesTheOldOne) {
  for (const SimOp op : {SimOp::kOpen, SimOp::kWrite, SimOp::kTruncate, SimOp::kSync, SimOp::kRename}) {
    SimMachine machine(storage_);
    ASSERT_TRUE(replace(machine, bytes_of('o', 100)));
    machine.disk.inject({.op = op});
    const auto failed = replace(machine, bytes_of('n', 100));
    ASSERT_FALSE(failed) << to_string(op);
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
    EXPECT_EQ(*read(machine), bytes_of('o', 100));
  }
}

}  // namespace
}  // namespace penstock::file
