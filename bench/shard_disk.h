// ShardDisk: one shard's scheduler and disk, on the disk that the server would use here.
//
// A failure ends the process: a benchmark has nothing to go on with. Threading: one thread.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "bench/stall_meter.h"
#include "disk/disk_stack.h"
#include "penstock/probe.h"

namespace penstock::bench {

class ShardDisk {
 public:
  // With `watches_stalls`, stall_meter() counts them; each wait then costs a system call more.
  explicit ShardDisk(const std::string& directory, RequestedIoMode mode = RequestedIoMode::kAuto,
                     bool watches_stalls = false) {
    auto report = probe(directory);
    if (!report) end(report.error());
    auto chosen = choose_io_mode(*report, mode);
    if (!chosen) end(chosen.error());
    DiskStackOptions options;
    options.mode = chosen->mode;
    auto stack = DiskStack::create(options);
    if (!stack) end(stack.error());
    stack_ = std::move(*stack);
    auto reactor = stack_->make_reactor();
    if (!reactor) end(reactor.error());
    reactor_ = std::move(*reactor);
    if (watches_stalls) stall_meter_ = std::make_unique<StallMeter>(reactor_.reactor());
    Reactor& polled = stall_meter_ ? *stall_meter_ : reactor_.reactor();
    scheduler_ = std::make_unique<Scheduler>(clock_, polled);
    if (stall_meter_) stall_meter_->watch(*scheduler_);
    disk_ = stack_->make_disk(*scheduler_, reactor_);
    description_ = fmt::format("io: {}, {}", to_string(chosen->mode), stack_->uring_reason());
  }
  ShardDisk(const ShardDisk&) = delete;
  ShardDisk& operator=(const ShardDisk&) = delete;

  Scheduler& scheduler() { return *scheduler_; }
  Disk& disk() { return *disk_; }
  StallMeter* stall_meter() { return stall_meter_.get(); }
  const std::string& description() const { return description_; }

  [[noreturn]] static void end(const Error& error) {
    fmt::print(stderr, "bench: {}\n", error.message());
    std::exit(1);
  }

 private:
  std::string description_;
  SystemClock clock_;
  std::unique_ptr<DiskStack> stack_;
  ShardReactor reactor_;
  std::unique_ptr<StallMeter> stall_meter_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Disk> disk_;
};

}  // namespace penstock::bench
