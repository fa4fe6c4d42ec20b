// OfflineDisk: a log on the disk for the command line, one call at a time, while no server needs to
// run.
//
// Reads past the page cache where the file system can: so what is verified is what the device holds,
// not what memory remembers, and reading a whole log evicts nothing that others use.
//
// Ownership: must outlive the files that it opened. Threading: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "disk/blocking_disk.h"
#include "log/segment_scan.h"
#include "task/epoll_reactor.h"
#include "task/scheduler.h"

namespace penstock::cli {

class OfflineDisk {
 public:
  // Errors: those of EpollReactor.
  static Result<std::unique_ptr<OfflineDisk>> create();
  OfflineDisk(const OfflineDisk&) = delete;
  OfflineDisk& operator=(const OfflineDisk&) = delete;

  // For reading. Errors: those of Disk::open.
  Result<std::unique_ptr<File>> open(const std::string& path);
  // For reading and writing, of a log that is locked.
  Result<std::unique_ptr<File>> open_to_write(const std::string& path);
  // Reads a segment as a recovery does.
  Result<log::ScanResult> scan(log::Segment& segment);
  // Writes the index of a segment that is whole, and cuts its file to its data.
  Result<void> seal(log::Segment& segment);
  Result<std::vector<std::byte>> read_small_file(const std::string& path);
  Result<std::vector<std::string>> list(const std::string& path) { return run(buffered_.list(path)); }
  Result<FileInfo> info(const std::string& path) { return run(buffered_.info(path)); }
  bool is_directory(const std::string& path);
  bool is_file(const std::string& path);

  // The result of something asynchronous; over blocking disks it never waits.
  template <typename T>
  T run(Task<T> task) {
    return scheduler_.run(std::move(task));
  }

 private:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options);

  explicit OfflineDisk(std::unique_ptr<EpollReactor> reactor)
      : reactor_(std::move(reactor)), scheduler_(clock_, *reactor_) {}

  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
  BlockingDisk direct_{IoMode::kDirect};
  BlockingDisk buffered_{IoMode::kBuffered};
};

}  // namespace penstock::cli
