// SimDisk for tests that run on every make of Disk.
#pragma once

#include <memory>
#include <string>

#include "disk/sim_disk.h"
#include "disk/testing/disk_contract.h"

namespace penstock {

class SimDiskUnderTest final : public DiskUnderTest {
 public:
  SimDiskUnderTest() { storage_.make_directories("/root"); }
  Scheduler& scheduler() override { return machine_.scheduler; }
  Disk& disk() override { return machine_.disk; }
  std::string root() override { return "/root"; }

 private:
  SimStorage storage_;
  SimMachine machine_{storage_};
};

inline std::unique_ptr<DiskUnderTest> make_sim_under_test() {
  return std::make_unique<SimDiskUnderTest>();
}

}  // namespace penstock
