// Every make of Disk, in every mode that this machine can do, for tests of what stands on a Disk.
#pragma once

#include <vector>

#include "disk/sim_disk.h"
#include "disk/testing/real_disks.h"

namespace penstock::file {

class SimUnderTest final : public DiskUnderTest {
 public:
  SimUnderTest() { storage_.make_directories("/root"); }
  Scheduler& scheduler() override { return machine_.scheduler; }
  Disk& disk() override { return machine_.disk; }
  std::string root() override { return "/root"; }

 private:
  SimStorage storage_;
  SimMachine machine_{storage_};
};

inline std::unique_ptr<DiskUnderTest> make_sim_under_test() { return std::make_unique<SimUnderTest>(); }

// Null when this machine has no such disk, or the file system of the test's directory cannot do the
// mode.
template <RealMake kMake, IoMode kMode>
std::unique_ptr<DiskUnderTest> make_real_under_test() {
  std::unique_ptr<RealDiskUnderTest> made = RealDiskUnderTest::make(kMake, kMode);
  if (made == nullptr) return nullptr;
  const std::string path = made->root() + "/can-it";
  const OpenOptions how{.write = true, .create = true};
  {
    auto file = made->scheduler().run(made->disk().open(path, how));
    if (!file) return nullptr;
    const SharedSlice block = pattern(kBlockBytes, 0);
    if (!made->scheduler().run((*file)->write(FilePosition{0}, block, Durability::kNone)))
      return nullptr;
  }
  if (!made->scheduler().run(made->disk().remove(path))) return nullptr;
  return made;
}

inline std::vector<DiskMake> every_disk() {
  return {
      {"Sim", make_sim_under_test},
      {"UringDirect", make_real_under_test<RealMake::kUring, IoMode::kDirect>},
      {"UringUncached", make_real_under_test<RealMake::kUring, IoMode::kUncached>},
      {"UringBuffered", make_real_under_test<RealMake::kUring, IoMode::kBuffered>},
      {"InlineDirect", make_real_under_test<RealMake::kInline, IoMode::kDirect>},
      {"InlineUncached", make_real_under_test<RealMake::kInline, IoMode::kUncached>},
      {"InlineBuffered", make_real_under_test<RealMake::kInline, IoMode::kBuffered>},
      {"PoolDirect", make_real_under_test<RealMake::kPool, IoMode::kDirect>},
      {"PoolUncached", make_real_under_test<RealMake::kPool, IoMode::kUncached>},
      {"PoolBuffered", make_real_under_test<RealMake::kPool, IoMode::kBuffered>},
  };
}

}  // namespace penstock::file
