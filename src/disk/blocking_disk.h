// BlockingDisk: files through plain preadv2, pwritev2 and friends.
//
// Made without a pool, every operation runs on the calling thread and has ended when the call returns,
// so a coroutine over it never suspends: this is what command-line tools, the blocking library and the
// RocksDB adapter use. Made with a pool, operations run on its threads and the coroutine's scheduler
// goes on meanwhile: this is the server on a machine without io_uring. Both run the same code
// (posix_ops.h).
//
// Ownership: scheduler and pool, if given, must outlive the disk; the disk its files.
// Threading: inline, any one thread at a time per file, and the disk itself from any; with a pool, the
// scheduler's thread.
#pragma once

#include "disk/disk.h"
#include "disk/worker_pool.h"

namespace penstock {

class BlockingDisk final : public Disk {
 public:
  // Operations run on the calling thread.
  explicit BlockingDisk(IoMode mode) : mode_(mode) {}
  // Operations run on the pool's threads.
  BlockingDisk(IoMode mode, Scheduler& scheduler, WorkerPool& pool)
      : mode_(mode), executor_{.pool = &pool, .scheduler = &scheduler} {}
  ~BlockingDisk() override;

  IoMode mode() const override { return mode_; }

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  Task<Result<std::unique_ptr<SharedMemory>>> create_shared(std::string path,
                                                            std::uint64_t size_bytes) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> remove_directory(std::string path) override;
  Task<Result<void>> make_directory(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Task<Result<FileInfo>> info(std::string path) override;
  Task<Result<SpaceInfo>> space(std::string path) override;

 private:
  IoMode mode_;
  BlockingExecutor executor_;
};

}  // namespace penstock
