// The real makes of Disk for tests, on a directory of the test's choice.
#pragma once

#include "base/testing/temp_directory.h"
#include "disk/blocking_disk.h"
#include "disk/disk_stack.h"
#include "disk/posix_ops.h"
#include "disk/system_faults.h"
#include "disk/testing/disk_contract.h"

namespace penstock {

enum class RealMake { kUring, kInline, kPool };

class RealDiskUnderTest final : public DiskUnderTest {
 public:
  ~RealDiskUnderTest() override { set_faults(nullptr); }

  // In `root`, which the caller keeps; or, when it is empty, in a directory of its own. Null when the
  // machine cannot do it.
  static std::unique_ptr<RealDiskUnderTest> make(RealMake make, IoMode mode, std::string root = "");

  Scheduler& scheduler() override { return *scheduler_; }
  Disk& disk() override { return *disk_; }
  std::string root() override { return root_; }
  DiskStack& stack() { return *stack_; }

  // From now on the kernel answers what `faults` says, on the ring and in plain system calls; null for
  // none. One disk at a time, since plain system calls are the process's. They must outlive it.
  void set_faults(SystemFaults* faults);
  // Operations of the ring that have been started and have not completed.
  std::size_t in_flight_count() const { return reactor_.uring ? reactor_.uring->in_flight_count() : 0; }

 private:
  RealDiskUnderTest() = default;

  std::optional<TempDirectory> own_root_;
  std::string root_;
  SystemClock clock_;
  std::unique_ptr<DiskStack> stack_;
  ShardReactor reactor_;
  std::optional<Scheduler> scheduler_;
  std::unique_ptr<Disk> disk_;
};

inline std::unique_ptr<RealDiskUnderTest> RealDiskUnderTest::make(RealMake make, IoMode mode,
                                                                  std::string root) {
  std::unique_ptr<RealDiskUnderTest> made(new RealDiskUnderTest());
  if (root.empty()) root = made->own_root_.emplace().path();
  made->root_ = std::move(root);

  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create(
      {.mode = mode, .uring = make == RealMake::kUring ? UringUse::kOn : UringUse::kOff});
  if (!stack) return nullptr;
  made->stack_ = std::move(*stack);
  Result<ShardReactor> reactor = made->stack_->make_reactor();
  if (!reactor) return nullptr;
  made->reactor_ = std::move(*reactor);
  made->scheduler_.emplace(made->clock_, made->reactor_.reactor());
  made->disk_ = make == RealMake::kInline ? std::make_unique<BlockingDisk>(mode)
                                          : made->stack_->make_disk(*made->scheduler_, made->reactor_);
  return made;
}

inline void RealDiskUnderTest::set_faults(SystemFaults* faults) {
  posix::install_faults(faults);
  if (reactor_.uring) reactor_.uring->set_faults(faults);
}

}  // namespace penstock
