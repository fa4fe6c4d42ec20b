// The real makes of Disk for tests, on a directory of the test's choice.
#pragma once

#include "base/testing/temp_directory.h"
#include "disk/blocking_disk.h"
#include "disk/disk_stack.h"
#include "disk/testing/disk_contract.h"

namespace penstock {

enum class RealMake { kUring, kInline, kPool };

class RealDiskUnderTest final : public DiskUnderTest {
 public:
  // In `root`, which the caller keeps; or, when it is empty, in a directory of its own. Null when the
  // machine cannot do it.
  static std::unique_ptr<RealDiskUnderTest> make(RealMake make, IoMode mode, std::string root = "");

  Scheduler& scheduler() override { return *scheduler_; }
  Disk& disk() override { return *disk_; }
  std::string root() override { return root_; }
  DiskStack& stack() { return *stack_; }

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

}  // namespace penstock
