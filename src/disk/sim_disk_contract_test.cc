// SimDisk keeps the contract of Disk.

#include "disk/testing/disk_contract.h"
#include "disk/testing/sim_disk_under_test.h"

namespace penstock {
namespace {

INSTANTIATE_TEST_SUITE_P(Sim, DiskContract, testing::Values(DiskMake{"Sim", make_sim_under_test}),
                         name_of_make);

}  // namespace
}  // namespace penstock
