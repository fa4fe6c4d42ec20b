// PreparedSpace: the part of a file that appends may write to without waiting for the file system.
//
// Reserving space, and filling it with zeros, costs metadata. Done in large steps ahead of the appends,
// it is paid once per step and beside them. Appends write only before end(), zeros only behind it, so
// they never meet.
//
// An owner whose disk blocks can run the steps ahead itself, on another thread, through a file of its
// own: begin_step(), take_step(), end_step().
//
// A step that found no room (kNoSpace), too large a file (kTooLarge) or a file system that cannot
// reserve (kNotSupported) has no effect, and may be tried again. Any other failure raises the file's
// fence.
//
// Ownership: file, fence, sync turn and scheduler must outlive it, and the steps in the background it:
// they hold the owner that was given with them. Threading: the disk's scheduler thread. Durability: a
// kWritten step is durable when it has ended, so that writing to it is a plain overwrite; that what is
// written to it is durable, whatever was prepared, is the write's own business.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/units.h"
#include "disk/disk.h"
#include "file/fence.h"
#include "penstock/preparation.h"
#include "task/sync.h"

namespace penstock::file {

// A part of a file to be made ready for appends: whole blocks behind what is.
struct PreparationStep {
  FilePosition from;
  FilePosition to;
  Preparation preparation;  // not kNone
  bool is_awaited;          // by an append; else it is taken beside them
};

// Makes it ready but for the sync that a kWritten step ends with. Given up, with kClosed, soon after
// `is_given_up` is set. Errors: those of File::allocate() and write().
Task<Result<void>> take_step(File& file, PreparationStep step, const std::atomic<bool>& is_given_up);

class PreparedSpace {
 public:
  struct Options {
    Preparation preparation = Preparation::kAllocated;
    std::uint64_t step_bytes = 0;  // whole blocks
  };

  // The file's data ends at `data_end`; the block that it ends in counts as prepared. `sync_turn` is
  // taken to sync the file: one at a time does.
  PreparedSpace(Scheduler& scheduler, File& file, Fence& fence, Semaphore& sync_turn, Options options,
                FilePosition data_end);

  // Whether bytes up to `end` may be written.
  bool reaches(FilePosition end) const {
    return options_.preparation == Preparation::kNone || end <= end_;
  }

  // How further steps are prepared. From Preparation::kNone there is no way back (asserted): how far
  // the file has grown since is not known here.
  void set_preparation(Preparation preparation) {
    PENSTOCK_ASSERT(options_.preparation != Preparation::kNone || preparation == Preparation::kNone,
                    "space is prepared again behind a part that was not");
    options_.preparation = preparation;
  }

  // Returns when they may. When there is no room for whole steps, takes what `end` needs and no more.
  // Waits for the step in the background first.
  Task<Result<void>> reach(FilePosition end);

  // Whether less than half a step is left in front of `used_end`, and nobody sees to it.
  bool should_go_ahead(FilePosition used_end) const;
  // The next step, to be started in the background. A failure is reported by the reach() that needs the
  // step, and not tried again before. `owner` keeps this object alive.
  Task<void> go_ahead(std::shared_ptr<const void> owner);

  // The next step, for the owner to take, if less than half a step is left in front of `used_end` and
  // nobody sees to it. Until end_step() nothing behind it may be reached for.
  std::optional<PreparationStep> begin_step(FilePosition used_end);
  // It ended so; kClosed: it was given up, which is no failure. Any other is as one of go_ahead().
  Task<void> end_step(PreparationStep step, Result<void> done);

  // No more steps; the one in the background ends soon.
  void stop() { stopped_ = true; }
  // Returns when it has.
  Task<void> wait_until_idle();

 private:
  PreparationStep step_to(FilePosition end, bool is_awaited) const {
    return {.from = end_, .to = end, .preparation = options_.preparation, .is_awaited = is_awaited};
  }
  Task<Result<void>> take(PreparationStep step);
  Task<Result<void>> sync();
  Task<Result<void>> conclude(PreparationStep step, Result<void> done);
  Task<void> give_back();
  Error explain(const Error& error, FilePosition end) const;

  File& file_;
  Fence& fence_;
  Semaphore& sync_turn_;
  Options options_;
  FilePosition end_;  // a block boundary
  bool is_busy_ = false;
  bool ahead_failed_ = false;  // since the last step that succeeded
  std::atomic<bool> stopped_ = false;
  WaitQueue idle_;
};

}  // namespace penstock::file
