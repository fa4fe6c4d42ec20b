// SimDisk keeps the contract of Disk.

#include "disk/sim_disk.h"
#include "disk/testing/disk_contract.h"

namespace penstock {
namespace {

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

std::unique_ptr<DiskUnderTest> make_sim() { return std::make_unique<SimDiskUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(Sim, DiskContract, testing::Values(DiskMake{"Sim", make_sim}), name_of_make);

}  // namespace
}  // namespace penstock
