// What a power cut may and may not take, one promise of the fault model per test.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "disk/sim_disk.h"
#include "disk/sim_disk_test_calls.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

// ---- bytes

TEST(SimDiskPowerCut, ADurableWriteSurvives) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 8192), Durability::kDevice);
      machine.write(*file, 8192, blocks_of('b', 4096), Durability::kDevice);
      machine.disk.power_cut();
    }
    EXPECT_EQ(text_of(storage, "/log"), std::string(8192, 'a') + std::string(4096, 'b'));
  }
}

TEST(SimDiskPowerCut, ASyncedWriteSurvives) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 8192));
      machine.write(*file, 4096, blocks_of('b', 4096));
      machine.ok(file->sync(SyncScope::kData));
      machine.disk.power_cut();
    }
    EXPECT_EQ(text_of(storage, "/log"), std::string(4096, 'a') + std::string(4096, 'b'));
  }
}

TEST(SimDiskPowerCut, ADurableWriteIsNotUndoneByAnOlderUnsyncedOne) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a'));
      machine.write(*file, 0, blocks_of('b'), Durability::kDevice);
      machine.disk.power_cut();
    }
    EXPECT_EQ(sectors_of(storage, "/log"), "bbbbbbbb");
  }
}

TEST(SimDiskPowerCut, ADurableWriteMakesNoOtherWriteDurable) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', kSectorBytes));
      machine.write(*file, kSectorBytes, blocks_of('b', kSectorBytes), Durability::kDevice);
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"0b", "ab"}));
}

TEST(SimDiskPowerCut, AnUnsyncedWriteSurvivesInEverySubsetOfItsSectors) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 4 * kSectorBytes), Durability::kDevice);
      machine.write(*file, 0, blocks_of('b', 4 * kSectorBytes));
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes.size(), 16U);
}

TEST(SimDiskPowerCut, AWriteInFlightSurvivesInEverySubsetOfItsSectors) {
  for (const Durability durability : {Durability::kNone, Durability::kDevice}) {
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      SimStorage storage;
      {
        Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
        const auto file = machine.create("/log");
        machine.write(*file, 0, blocks_of('a', 4 * kSectorBytes), Durability::kDevice);
        machine.disk.crash_after(machine.disk.steps() + 1, SimCrash::kPowerCut);
        SharedSlice data = blocks_of('b', 4 * kSectorBytes);
        EXPECT_EQ(machine.error(file->write(FilePosition{0}, std::move(data), durability)),
                  ErrorCode::kClosed);
      }
      outcomes.insert(sectors_of(storage, "/log"));
    }
    EXPECT_EQ(outcomes.size(), 16U);
  }
}

TEST(SimDiskPowerCut, ASectorWithSeveralUnsyncedWritesSurvivesAsAnyOfThem) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', kSectorBytes), Durability::kDevice);
      machine.write(*file, 0, blocks_of('b', kSectorBytes));
      machine.write(*file, 0, blocks_of('c', kSectorBytes));
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"a", "b", "c"}));
}

// Starts `other`, then runs `sync`; whether `other` ended first.
bool ends_during_sync(Machine& machine, Task<Result<void>> other, Task<Result<void>> sync) {
  std::optional<Result<void>> result;
  machine.scheduler.spawn(run_in_background(std::move(other), result));
  machine.ok(std::move(sync));
  const bool ended_first = result.has_value();
  machine.sleep(milliseconds(1));
  return ended_first;
}

TEST(SimDiskPowerCut, ASyncCoversOnlyWritesThatHadCompletedWhenItStarted) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 2 * kSectorBytes), Durability::kDevice);
      machine.write(*file, 0, blocks_of('b', kSectorBytes));
      auto write =
          file->write(FilePosition{kSectorBytes}, blocks_of('c', kSectorBytes), Durability::kNone);
      if (!ends_during_sync(machine, std::move(write), file->sync(SyncScope::kData))) continue;
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"ba", "bc"}));
}

// ---- sizes

TEST(SimDiskPowerCut, ATruncateNeedsASync) {
  std::set<std::size_t> unsynced;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    for (const bool synced : {false, true}) {
      SimStorage storage;
      {
        Machine machine(storage, {.seed = seed});
        const auto file = machine.create("/log");
        machine.write(*file, 0, blocks_of('a', 8192), Durability::kDevice);
        machine.ok(file->truncate(5000));
        if (synced) machine.ok(file->sync(SyncScope::kData));
        machine.disk.power_cut();
      }
      const std::string text = text_of(storage, "/log");
      EXPECT_EQ(text, std::string(text.size(), 'a'));
      if (synced) {
        EXPECT_EQ(text.size(), 5000U);
      } else {
        unsynced.insert(text.size());
      }
    }
  }
  EXPECT_EQ(unsynced, (std::set<std::size_t>{5000, 8192}));
}

TEST(SimDiskPowerCut, ALostTruncateTakesTheWritesAfterItAlong) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 2 * kSectorBytes), Durability::kDevice);
      machine.ok(file->truncate(kSectorBytes));
      machine.write(*file, kSectorBytes, blocks_of('b', kSectorBytes));
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  // Nothing kept; the cut; the cut and the new size, without and with the new bytes.
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "a", "a0", "ab"}));
}

TEST(SimDiskPowerCut, BytesWrittenAfterACutDoNotSurviveBesideTheBytesThatItCutOff) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 2 * kSectorBytes), Durability::kDevice);
      machine.ok(file->truncate(0));
      machine.write(*file, kSectorBytes, blocks_of('b', kSectorBytes));
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "", "00", "0b"}));  // and not "ab"
}

TEST(SimDiskPowerCut, ASyncedCutDoesNotCutWhatWasWrittenDuringTheSync) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', kSectorBytes), Durability::kDevice);
      machine.ok(file->truncate(0));
      auto write = file->write(FilePosition{0}, blocks_of('b', kSectorBytes), Durability::kNone);
      if (!ends_during_sync(machine, std::move(write), file->sync(SyncScope::kData))) continue;
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "0", "b"}));  // and not "a"
}

TEST(SimDiskPowerCut, ADurableWriteTakesTheSizeThatItNeedsAlong) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.ok(file->allocate(16384));
      machine.write(*file, 4096, blocks_of('a'), Durability::kDevice);
      machine.disk.power_cut();
    }
    const std::string text = text_of(storage, "/log");
    ASSERT_GE(text.size(), 8192U);
    EXPECT_EQ(text.substr(0, 8192), std::string(4096, '\0') + std::string(4096, 'a'));
  }
}

TEST(SimDiskPowerCut, ADurableWriteInsideTheDurableSizeDoesNotMakeAGreaterSizeDurable) {
  std::set<std::size_t> sizes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a'), Durability::kDevice);
      machine.ok(file->truncate(8192));
      machine.write(*file, 0, blocks_of('b'), Durability::kDevice);
      machine.disk.power_cut();
    }
    sizes.insert(text_of(storage, "/log").size());
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{4096, 8192}));
}

TEST(SimDiskPowerCut, ADurableWriteAfterATruncateIsNotCutByIt) {
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      const auto file = machine.create("/log");
      machine.write(*file, 0, blocks_of('a', 8192), Durability::kDevice);
      machine.ok(file->truncate(0));
      machine.write(*file, 4096, blocks_of('b'), Durability::kDevice);
      machine.disk.power_cut();
    }
    EXPECT_EQ(text_of(storage, "/log"), std::string(4096, '\0') + std::string(4096, 'b'));
  }
}

// ---- names

// Which of `paths` there are after `prepare` and a power cut, over the seeds.
template <typename Prepare>
std::set<std::string> names_after_power_cut(const std::vector<std::string>& paths, Prepare prepare) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      prepare(machine);
      machine.disk.power_cut();
    }
    std::string there;
    for (const std::string& path : paths) there += storage.exists(path) ? path + " " : "";
    outcomes.insert(there);
  }
  return outcomes;
}

TEST(SimDiskPowerCut, ANewNameNeedsASyncOfItsDirectory) {
  const auto unsynced = names_after_power_cut({"/a"}, [](Machine& machine) {
    const auto file = machine.open("/a", kCreate);
    machine.write(*file, 0, blocks_of('a'), Durability::kDevice);
    machine.ok(file->sync(SyncScope::kAll));
  });
  EXPECT_EQ(unsynced, (std::set<std::string>{"", "/a "}));
  const auto synced = names_after_power_cut({"/a"}, [](Machine& machine) {
    machine.open("/a", kCreate);
    machine.ok(machine.disk.sync_directory("/"));
  });
  EXPECT_EQ(synced, std::set<std::string>{"/a "});
}

TEST(SimDiskPowerCut, ARenameIsUndoneOrNotButNeverHalf) {
  const auto unsynced = names_after_power_cut({"/new", "/log"}, [](Machine& machine) {
    machine.create("/new");
    machine.ok(machine.disk.rename("/new", "/log"));
  });
  EXPECT_EQ(unsynced, (std::set<std::string>{"/new ", "/log "}));
  const auto synced = names_after_power_cut({"/new", "/log"}, [](Machine& machine) {
    machine.create("/new");
    machine.ok(machine.disk.rename("/new", "/log"));
    machine.ok(machine.disk.sync_directory("/"));
  });
  EXPECT_EQ(synced, std::set<std::string>{"/log "});
}

TEST(SimDiskPowerCut, AnUndoneRenameBringsTheReplacedFileBack) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed, .block_bytes = kSectorBytes});
      const auto old_file = machine.create("/log");
      machine.write(*old_file, 0, blocks_of('o', kSectorBytes), Durability::kDevice);
      const auto new_file = machine.create("/new");
      machine.write(*new_file, 0, blocks_of('n', kSectorBytes), Durability::kDevice);
      machine.ok(machine.disk.rename("/new", "/log"));
      machine.disk.power_cut();
    }
    outcomes.insert(sectors_of(storage, "/log"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"o", "n"}));
}

TEST(SimDiskPowerCut, ARemovalNeedsASyncOfItsDirectory) {
  const auto unsynced = names_after_power_cut({"/a"}, [](Machine& machine) {
    machine.create("/a");
    machine.ok(machine.disk.remove("/a"));
  });
  EXPECT_EQ(unsynced, (std::set<std::string>{"", "/a "}));
  const auto synced = names_after_power_cut({"/a"}, [](Machine& machine) {
    machine.create("/a");
    machine.ok(machine.disk.remove("/a"));
    machine.ok(machine.disk.sync_directory("/"));
  });
  EXPECT_EQ(synced, std::set<std::string>{""});
}

TEST(SimDiskPowerCut, TheNamesOfADirectorySurviveAsAPrefix) {
  const auto outcomes = names_after_power_cut({"/a", "/b", "/c"}, [](Machine& machine) {
    for (const char* path : {"/a", "/b", "/c"}) machine.open(path, kCreate);
  });
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "/a ", "/a /b ", "/a /b /c "}));
}

TEST(SimDiskPowerCut, DirectoriesKeepNoOrderAmongEachOther) {
  const auto outcomes = names_after_power_cut({"/x/a", "/y/b"}, [](Machine& machine) {
    machine.ok(machine.disk.make_directory("/x"));
    machine.ok(machine.disk.make_directory("/y"));
    machine.ok(machine.disk.sync_directory("/"));
    machine.open("/x/a", kCreate);
    machine.open("/y/b", kCreate);
  });
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "/x/a ", "/y/b ", "/x/a /y/b "}));
}

TEST(SimDiskPowerCut, ARenameBetweenDirectoriesIsDurableWhenEitherIsSynced) {
  for (const char* synced : {"/x", "/y"}) {
    const auto outcomes = names_after_power_cut({"/x/a", "/y/a"}, [synced](Machine& machine) {
      machine.ok(machine.disk.make_directory("/x"));
      machine.ok(machine.disk.make_directory("/y"));
      machine.ok(machine.disk.sync_directory("/"));
      machine.open("/x/a", kCreate);
      machine.ok(machine.disk.rename("/x/a", "/y/a"));
      machine.ok(machine.disk.sync_directory(synced));
    });
    EXPECT_EQ(outcomes, std::set<std::string>{"/y/a "});
  }
}

TEST(SimDiskPowerCut, ASyncOfADirectoryCoversOnlyNamesThatWereThereWhenItStarted) {
  std::set<bool> outcomes;
  for (std::uint64_t seed = 0; seed < kFewSeeds; ++seed) {
    SimStorage storage;
    {
      Machine machine(storage, {.seed = seed});
      auto make = machine.disk.make_directory("/late");
      if (!ends_during_sync(machine, std::move(make), machine.disk.sync_directory("/"))) continue;
      machine.disk.power_cut();
    }
    outcomes.insert(storage.exists("/late"));
  }
  EXPECT_EQ(outcomes, (std::set<bool>{false, true}));
}

TEST(SimDiskPowerCut, ARenamedDirectoryTakesItsEarlierNamesAlong) {
  const auto outcomes = names_after_power_cut({"/x/a", "/z", "/z/a"}, [](Machine& machine) {
    machine.ok(machine.disk.make_directory("/x"));
    machine.open("/x/a", kCreate);
    machine.ok(machine.disk.rename("/x", "/z"));
    machine.ok(machine.disk.sync_directory("/"));
  });
  EXPECT_EQ(outcomes, std::set<std::string>{"/z /z/a "});
}

TEST(SimDiskPowerCut, ASyncedFileInAnUnsyncedDirectoryIsLostWithIt) {
  const auto outcomes = names_after_power_cut({"/x", "/x/a"}, [](Machine& machine) {
    machine.ok(machine.disk.make_directory("/x"));
    machine.open("/x/a", kCreate);
    machine.ok(machine.disk.sync_directory("/x"));
  });
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "/x /x/a "}));
}

}  // namespace
}  // namespace penstock
