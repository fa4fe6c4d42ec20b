// UringDisk: files through the ring of the scheduler's own thread.
//
// Reads, writes, syncs and every metadata operation that has an opcode go through the ring, where the
// kernel runs what would block on its own workers; listing, statvfs, the closing of files, and
// truncation before Linux 6.9 go to the worker pool. Nothing here blocks the scheduler's thread.
//
// Ownership: scheduler, ring and pool must outlive the disk. A coroutine that waits for an operation
// must not be destroyed (asserted in UringReactor): the kernel still reads and writes its buffers.
// Threading: the scheduler's thread.
#pragma once

#include "disk/descriptor_file.h"
#include "disk/uring_reactor.h"
#include "disk/worker_pool.h"

namespace penstock {

class UringDisk final : public Disk {
 public:
  UringDisk(IoMode mode, Scheduler& scheduler, UringReactor& ring, WorkerPool& pool)
      : mode_(mode),
        scheduler_(scheduler),
        ring_(ring),
        executor_{.pool = &pool, .scheduler = &scheduler} {}
  ~UringDisk() override;

  IoMode mode() const override { return mode_; }

  // The same open file, of a disk that blocks, with its operations on this ring. `file` must outlive
  // it, and has the mode of this disk (asserted).
  std::unique_ptr<File> share(const DescriptorFile& file);

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
  friend class UringFile;

  // Awaits `entry`, again while the kernel turns it away for now; a count or a negative errno.
  Task<int> call(io_uring_sqe entry);

  IoMode mode_;
  Scheduler& scheduler_;
  UringReactor& ring_;
  BlockingExecutor executor_;
};

}  // namespace penstock
