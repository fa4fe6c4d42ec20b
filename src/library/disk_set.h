// DiskSet: the disks of an engine, one per I/O mode, and which of them a file gets.
//
// What a file system can do is probed once and remembered, for as many file systems as a program is
// likely to use. Directories of one file system that differ in what decides about direct I/O
// (encryption, data journaling, copy-on-write) count as different.
//
// Ownership: stack, reactor and scheduler must outlive it, and it the files of its disks.
// Threading: the scheduler's thread. A probe blocks it for some milliseconds.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "disk/disk_stack.h"
#include "penstock/probe.h"

namespace penstock {

// Where a file is opened, and why there.
struct ChosenDisk {
  Disk* disk = nullptr;
  std::string reason;
};

class DiskSet {
 public:
  // Probes that are remembered; the oldest goes first.
  static constexpr std::size_t kMaxKnown = 64;

  DiskSet(DiskStack& stack, ShardReactor& reactor, Scheduler& scheduler)
      : stack_(stack), reactor_(reactor), scheduler_(scheduler) {}

  Disk& disk(IoMode mode);

  // The disk for a file that will be written at `path`. Errors: those of probe() and choose_io_mode().
  Result<ChosenDisk> for_writing(const std::string& path, RequestedIoMode requested);

  // The disk for a file that is there, and is only read. Where nothing may be written, so that nothing
  // can be probed, it finds out by reading the file's first block. Errors: as above, and kNotFound.
  Task<Result<ChosenDisk>> for_reading(std::string path, RequestedIoMode requested);

  std::size_t probe_count() const { return probe_count_; }

 private:
  // What tells directories apart whose files may be treated differently.
  struct Place {
    std::uint64_t device = 0;
    int attributes = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Known {
    Place place;
    ProbeReport report;
  };

  static Result<Place> place_of(const std::string& directory);
  Result<ChosenDisk> chosen(const ProbeReport& report, RequestedIoMode requested);
  Result<ProbeReport> report_on(const std::string& path);
  Task<Result<ChosenDisk>> try_by_reading(std::string path, RequestedIoMode requested, Error denied);

  DiskStack& stack_;
  ShardReactor& reactor_;
  Scheduler& scheduler_;
  std::array<std::unique_ptr<Disk>, 3> disks_;  // by IoMode; made when first asked for
  std::deque<Known> known_;
  std::size_t probe_count_ = 0;
};

}  // namespace penstock
