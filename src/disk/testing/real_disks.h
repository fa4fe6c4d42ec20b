// The real makes of Disk for tests, on a directory of the test's choice.
#pragma once

#include <unistd.h>

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
  // The same on a file system in memory, for tests of thousands of runs that are not about the device.
  // Null also when the machine has no such file system, or it cannot do the mode.
  static std::unique_ptr<RealDiskUnderTest> make_in_memory(RealMake make, IoMode mode);

  // Whether the file system takes a file in the disk's mode. A disk by itself does not ask.
  bool can_write();

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
  bool set_up(RealMake make, IoMode mode);

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
  made->root_ = root.empty() ? made->own_root_.emplace().path() : std::move(root);
  return made->set_up(make, mode) ? std::move(made) : nullptr;
}

inline std::unique_ptr<RealDiskUnderTest> RealDiskUnderTest::make_in_memory(RealMake make,
                                                                            IoMode mode) {
  static constexpr const char* kMemory = "/dev/shm";
  if (::access(kMemory, W_OK) != 0) return nullptr;
  std::unique_ptr<RealDiskUnderTest> made(new RealDiskUnderTest());
  made->root_ = made->own_root_.emplace(kMemory).path();
  return made->set_up(make, mode) && made->can_write() ? std::move(made) : nullptr;
}

inline bool RealDiskUnderTest::set_up(RealMake make, IoMode mode) {
  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create(
      {.mode = mode, .uring = make == RealMake::kUring ? UringUse::kOn : UringUse::kOff});
  if (!stack) return false;
  stack_ = std::move(*stack);
  Result<ShardReactor> reactor = stack_->make_reactor();
  if (!reactor) return false;
  reactor_ = std::move(*reactor);
  scheduler_.emplace(clock_, reactor_.reactor());
  disk_ = make == RealMake::kInline ? std::make_unique<BlockingDisk>(mode)
                                    : stack_->make_disk(*scheduler_, reactor_);
  return true;
}

inline bool RealDiskUnderTest::can_write() {
  const std::string path = root_ + "/can-it";
  const OpenOptions how{.write = true, .create = true};
  bool written = false;
  if (auto file = scheduler_->run(disk_->open(path, how))) {
    const SharedSlice block = pattern(kBlockBytes, 0);
    written = scheduler_->run((*file)->write(FilePosition{0}, block, Durability::kNone)).has_value();
  }
  (void)scheduler_->run(disk_->remove(path));
  return written;
}

inline void RealDiskUnderTest::set_faults(SystemFaults* faults) {
  posix::install_faults(faults);
  if (reactor_.uring) reactor_.uring->set_faults(faults);
}

}  // namespace penstock
