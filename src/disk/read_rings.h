// ReadRings: io_urings for threads that block, each lent to one caller at a time.
//
// A thread that waits for each of its reads has one of them at the device at a time. One that has many
// at once, or something else to do meanwhile, borrows a ring with a scheduler of its own, starts the
// reads there, and waits for all of them together.
//
// Ownership: the pool must outlive it, and it its rings; each ring its files and their operations. A
// ring goes back with nothing in flight (asserted). Memory: kMaxRings rings, which stay once they were
// made. Threading: any thread borrows and gives back; a ring is used by one thread at a time, not
// always the same one.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "disk/uring_disk.h"
#include "task/started.h"

namespace penstock {

class ReadRings {
 public:
  static constexpr std::size_t kMaxRings = 64;
  // So many of them may be lent to who keeps them for longer than a call.
  static constexpr std::size_t kMaxKept = kMaxRings / 2;

  class Ring {
   public:
    // `reactor` has UringOptions::changes_threads.
    Ring(std::unique_ptr<UringReactor> reactor, WorkerPool& pool);

    // `file`, which must outlive it, with its reads on this ring.
    std::unique_ptr<File> share(const DescriptorFile& file);
    Scheduler& scheduler() { return scheduler_; }
    // Hands what was started to the kernel, and returns.
    void submit() { scheduler_.run_once(); }
    // Waits for what was left behind (Scheduler::spawn).
    void finish() { scheduler_.run_to_end(); }
    // Runs until `task` has ended.
    template <typename T>
    T run(Task<T> task) {
      return scheduler_.run(std::move(task));
    }
    bool is_idle() const { return reactor_->in_flight_count() == 0; }

   private:
    SystemClock clock_;
    std::unique_ptr<UringReactor> reactor_;
    Scheduler scheduler_;
    std::array<UringDisk, 3> disks_;  // by mode
  };
  struct GiveBack {
    ReadRings* rings = nullptr;
    bool was_kept = false;
    void operator()(Ring* ring) const { rings->give_back(ring, was_kept); }
  };
  using Lease = std::unique_ptr<Ring, GiveBack>;

  explicit ReadRings(WorkerPool& pool) : pool_(pool) {}

  // Null when there is none to be had: all are lent, or the system grants none.
  Lease borrow() { return lend(/*to_keep=*/false); }
  // For longer than a call, so that others get on meanwhile.
  Lease borrow_to_keep() { return lend(/*to_keep=*/true); }
  // Why the system grants none, if it was asked and does not.
  std::optional<Error> refusal();

 private:
  Lease lend(bool to_keep);
  std::unique_ptr<Ring> take_ring();
  void give_back(Ring* ring, bool was_kept);

  WorkerPool& pool_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Ring>> idle_;
  std::size_t made_count_ = 0;
  std::size_t kept_count_ = 0;
  std::optional<Error> refusal_;
};

}  // namespace penstock
