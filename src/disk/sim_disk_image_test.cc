// Images of a simulated disk: what would be found if the machine died now, while it goes on.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "disk/sim_disk_test_calls.h"

namespace penstock {
namespace {

class Keeps final : public SimRemains {
 public:
  Keeps(std::uint64_t at, std::uint64_t first_sectors) : at_(at), first_sectors_(first_sectors) {}
  bool keeps(std::uint64_t at) const override { return at == at_; }
  bool keeps_sector(std::uint64_t at, std::uint64_t sector) const override {
    return at == at_ && sector < first_sectors_;
  }

 private:
  std::uint64_t at_;
  std::uint64_t first_sectors_;
};

TEST(SimDiskImage, HasWhatADeathLeavesAndTheMachineGoesOn) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= kFewSeeds; ++seed) {
    SimStorage storage;
    Machine machine(storage);
    auto file = machine.create("/x");
    machine.write(*file, 0, blocks_of('a'), Durability::kDevice);
    std::optional<Result<void>> result;
    machine.scheduler.spawn(run_in_background(
        file->write(FilePosition{kBlockBytes}, blocks_of('b'), Durability::kDevice), result));
    machine.scheduler.run_once();
    ASSERT_FALSE(result);
    Random random(seed);
    const auto image = machine.disk.image(SimCrash::kPowerCut, random);
    const std::string left = sectors_of(*image, "/x");
    EXPECT_EQ(left.substr(0, 8), "aaaaaaaa");
    seen.insert(left);
    machine.scheduler.run_to_end();
    ASSERT_TRUE(result && *result);
    EXPECT_EQ(sectors_of(storage, "/x"), "aaaaaaaabbbbbbbb");
    EXPECT_EQ(sectors_of(*image, "/x"), left);  // a storage of its own
  }
  EXPECT_TRUE(seen.contains("aaaaaaaa"));
  EXPECT_TRUE(seen.contains("aaaaaaaabbbbbbbb"));
  EXPECT_GT(seen.size(), 4U);
}

TEST(SimDiskImage, OfAKillHasEverythingThatWasCompleted) {
  SimStorage storage;
  Machine machine(storage);
  auto file = machine.open("/x", kCreate);
  machine.write(*file, 0, blocks_of('a'));
  for (std::uint64_t seed = 1; seed <= kFewSeeds; ++seed) {
    Random random(seed);
    EXPECT_EQ(sectors_of(*machine.disk.image(SimCrash::kKill, random), "/x"), "aaaaaaaa");
  }
}

TEST(SimDiskImage, APowerCutKeepsExactlyWhatIsChosen) {
  SimStorage storage;
  Machine machine(storage);
  auto file = machine.create("/x");
  machine.write(*file, 0, blocks_of('0', 2 * kBlockBytes), Durability::kDevice);
  machine.ok(file->sync(SyncScope::kAll));
  machine.write(*file, 0, blocks_of('a'));
  machine.write(*file, kBlockBytes, blocks_of('b'));
  const auto image = machine.disk.image_before_power_cut();
  const auto changes = image->unsynced();
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].position, 0U);
  EXPECT_EQ(changes[1].position, kBlockBytes);
  EXPECT_EQ(changes[1].length_bytes, kBlockBytes);
  EXPECT_NE(changes[0].checksum, changes[1].checksum);
  for (std::uint64_t cut = 0; cut <= 8; ++cut) {
    const auto torn = image->clone();
    torn->power_cut(Keeps(changes[0].at, cut));
    EXPECT_EQ(sectors_of(*torn, "/x"), std::string(cut, 'a') + std::string(8 - cut, '0') + "00000000");
  }
  EXPECT_EQ(image->unsynced().size(), 2U);  // a clone was cut, not this
}

TEST(SimDiskImage, WhatIsInFlightCanBeTakenByAPowerCut) {
  SimStorage storage;
  Machine machine(storage);
  auto file = machine.create("/x");
  std::optional<Result<void>> result;
  machine.scheduler.spawn(
      run_in_background(file->write(FilePosition{0}, blocks_of('a'), Durability::kDevice), result));
  machine.scheduler.run_once();
  const auto changes = machine.disk.image_before_power_cut()->unsynced();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].length_bytes, kBlockBytes);
  machine.scheduler.run_to_end();
}

TEST(SimDiskLie, AMisdirectedWriteCanLandInAnotherFile) {
  SimStorage storage;
  Machine machine(storage);
  auto file = machine.create("/x");
  auto other = machine.create("/y");
  machine.write(*file, 0, blocks_of('x'), Durability::kDevice);
  machine.write(*other, 0, blocks_of('y'), Durability::kDevice);
  machine.disk.inject(
      {.op = SimOp::kWrite, .kind = SimFaultKind::kMisdirected, .misdirected_path = "/y"});
  machine.write(*file, 0, blocks_of('z'), Durability::kDevice);
  EXPECT_EQ(sectors_of(storage, "/x"), "xxxxxxxx");
  EXPECT_EQ(sectors_of(storage, "/y"), "zzzzzzzz");
}

TEST(SimDiskLie, AMisdirectedReadGivesTheBytesOfAnotherPlace) {
  SimStorage storage;
  Machine machine(storage);
  auto file = machine.create("/x");
  auto other = machine.create("/y");
  machine.write(*file, 0, blocks_of('x', 2 * kBlockBytes), Durability::kDevice);
  machine.write(*file, kBlockBytes, blocks_of('z'), Durability::kDevice);
  machine.write(*other, 0, blocks_of('y'), Durability::kDevice);
  machine.disk.inject({.op = SimOp::kRead, .kind = SimFaultKind::kMisdirected});
  EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'z'));
  machine.disk.inject(
      {.op = SimOp::kRead, .kind = SimFaultKind::kMisdirected, .misdirected_path = "/y"});
  EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'y'));
  EXPECT_EQ(machine.read(*file, 0, kBlockBytes), std::string(kBlockBytes, 'x'));
}

}  // namespace
}  // namespace penstock
