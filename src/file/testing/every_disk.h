// Every make of Disk, in every mode that this machine can do, for tests of what stands on a Disk.
#pragma once

#include <vector>

#include "disk/testing/real_disks.h"
#include "disk/testing/sim_disk_under_test.h"

namespace penstock::file {

// Where the files of the real makes are.
enum class TestPlace {
  kDevice,
  kMemory,  // where a mode cannot be had in memory, on the device all the same
};

// Null when this machine has no such disk, or the file system of the test's directory cannot do the
// mode.
template <RealMake kMake, IoMode kMode, TestPlace kPlace>
std::unique_ptr<DiskUnderTest> make_real_under_test() {
  std::unique_ptr<RealDiskUnderTest> made;
  if constexpr (kPlace == TestPlace::kMemory) made = RealDiskUnderTest::make_in_memory(kMake, kMode);
  if (made == nullptr) made = RealDiskUnderTest::make(kMake, kMode);
  if (made == nullptr || !made->can_write()) return nullptr;
  return made;
}

template <TestPlace kPlace>
std::vector<DiskMake> every_disk_at() {
  return {
      {"Sim", make_sim_under_test},
      {"UringDirect", make_real_under_test<RealMake::kUring, IoMode::kDirect, kPlace>},
      {"UringUncached", make_real_under_test<RealMake::kUring, IoMode::kUncached, kPlace>},
      {"UringBuffered", make_real_under_test<RealMake::kUring, IoMode::kBuffered, kPlace>},
      {"InlineDirect", make_real_under_test<RealMake::kInline, IoMode::kDirect, kPlace>},
      {"InlineUncached", make_real_under_test<RealMake::kInline, IoMode::kUncached, kPlace>},
      {"InlineBuffered", make_real_under_test<RealMake::kInline, IoMode::kBuffered, kPlace>},
      {"PoolDirect", make_real_under_test<RealMake::kPool, IoMode::kDirect, kPlace>},
      {"PoolUncached", make_real_under_test<RealMake::kPool, IoMode::kUncached, kPlace>},
      {"PoolBuffered", make_real_under_test<RealMake::kPool, IoMode::kBuffered, kPlace>},
  };
}

inline std::vector<DiskMake> every_disk() { return every_disk_at<TestPlace::kDevice>(); }
// For very many calls.
inline std::vector<DiskMake> every_fast_disk() { return every_disk_at<TestPlace::kMemory>(); }

}  // namespace penstock::file
