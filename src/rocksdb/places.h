// Places: the disks of a FileSystem, and which of them the files of a directory get.
//
// The first file of a directory costs a probe of some milliseconds (a small file without a name). A
// file gets the mode that was asked for or an error; with RequestedIoMode::kAuto the best one that the
// file system honours, which is said once per directory.
//
// Ownership: reports must outlive it, and it the files of its disks. Threading: any thread; blocks.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>

#include "disk/blocking_disk.h"
#include "penstock/probe.h"
#include "rocksdb/reports.h"
#include "task/reactor.h"

namespace penstock::rocksdb {

class Places {
 public:
  // Directories that are remembered; then all are forgotten, and probed again.
  static constexpr std::size_t kMaxDirectories = 1024;

  Places(RequestedIoMode requested, Reports& reports)
      : requested_(requested), reports_(reports), scheduler_(clock_, reactor_) {}

  // The disk for a file at `path` (normal). Errors: those of probe() and choose_io_mode().
  Result<Disk*> disk_for(const std::string& path);
  // Which mode the files of `directory` get, and why. Errors: the same.
  Result<ChosenMode> find_mode(const std::string& directory) const;
  // Is said with each mode. Before the first file.
  void add_remark(std::string remark) { remark_ = std::move(remark); }
  // A database has opened its log in `directory`: the next file there is when its mode is said again.
  // Not yet, because a new logger has no level, and drops what it is given.
  void tell_again(const std::string& directory);
  // For side files, which are memory: see SharedMemory.
  Disk& side_disk() { return disk(IoMode::kBuffered); }
  // For AppendFile and ReadAhead, which never get to it over these disks.
  Scheduler& scheduler() { return scheduler_; }
  Reports& reports() { return reports_; }

 private:
  // Nothing ever waits here.
  class NoReactor final : public Reactor {
   public:
    void poll(Duration max_wait) override;
    void wake() override {}
  };

  struct Known {
    ChosenMode chosen;
    bool is_told = false;
    bool is_for_now = false;  // a full disk's: it is found out again
  };

  Disk& disk(IoMode mode) { return disks_[static_cast<std::size_t>(mode)]; }
  Result<Known> look_at(const std::string& directory) const;

  RequestedIoMode requested_;
  Reports& reports_;
  std::string remark_;
  SystemClock clock_;
  NoReactor reactor_;
  Scheduler scheduler_;
  std::array<BlockingDisk, 3> disks_{BlockingDisk(IoMode::kDirect), BlockingDisk(IoMode::kUncached),
                                     BlockingDisk(IoMode::kBuffered)};
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace penstock::rocksdb
