// SimDisk: a Disk in memory, in virtual time, that can fail in every way that a device and a machine
// can.
//
// THE FAULT MODEL. What the code above may count on, and must expect:
//
// Bytes. A write takes effect, for reads, when it completes. It is durable at once with
// Durability::kDevice, else after a later sync() of its file; a sync covers the writes that had
// completed when it started. A read during a write may see any mixture of old and new sectors.
//
// Power cut. Durable bytes survive. A completed write that no sync has covered survives in any subset
// of its 512-byte sectors, a sector with several such writes as any of them; so does a write in flight.
// Sizes and names: see sim_image.h and sim_storage.h. In short: a size needs a sync() (or a kDevice
// write that needs it), a name needs sync_directory(), and what was not synced survives as a prefix.
//
// Kill. The process dies, the kernel does not: everything completed stays as it is, durable or not, and
// a write in flight happens wholly, in part, or not at all. With late_write_max, it may also happen
// when the next SimDisk is at work already; not later than that, and not after a truncate of its file.
// A server that must not see this waits until the kernel has let go of its lock (data_lock.h):
// has_late_writes() is that lock.
//
// After either, every pending and later operation of this SimDisk ends with ErrorCode::kClosed and has
// no effect. So coroutines unwind by themselves and the scheduler drains: let them, destroy this
// SimDisk, and make the next one on the same SimStorage.
//
// Shared memory. A store is in the file at once, for reads and for whoever comes after a kill. The
// kernel may write any page to the medium at any time, so a power cut finds of each sector what was
// durable when the file was made, what is there now, or something in between. What is stored after a
// crash is nowhere.
//
// Calls. A read or write is one device call or several, as on the real disks: a call may be cut short,
// move nothing, or be turned away (EINTR, EAGAIN, ECANCELED), and the rest is asked for again
// (transfer.h). Of what a write call did not say it had moved, any subset of the sectors may be there.
// The seed does this to one call in disturbed_one_in, never so often that an operation fails; inject()
// does it to chosen ones, as often as one likes.
//
// Errors. inject() makes chosen calls fail. A failed write leaves any subset of its sectors; after a
// failed sync nothing is known about what it should have covered, and later syncs do not change that;
// any other operation that failed has no effect. A full device fails with kNoSpace, with no effect.
//
// Lies. inject() only: a device that says success, and has lost sectors of a write, has put it
// elsewhere in the file, or has made nothing durable. The file system believes it: the file has its new
// size.
//
// Rot. SimStorage::flip_bit().
//
// Time. Each call takes a latency drawn from the seed, so operations overtake each other; inject()
// makes chosen ones later than all others, by any time.
//
// It aborts on what is always a bug above: a misaligned position, length or address; two writes in
// flight to the same bytes; a buffer that changed while it was being written.
//
// The same seed and the same calls give the same run: trace_hash() folds every device call, its result
// and its virtual time.
//
// Ownership: storage and scheduler must outlive it, and it its files. At most one SimDisk at a time is
// attached to a storage; a crash or the destructor detaches it.
// Threading: the scheduler's thread. For virtual time, the scheduler runs on a SimReactor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "disk/disk.h"
#include "disk/sim_faults.h"
#include "disk/sim_storage.h"
#include "task/scheduler.h"
#include "task/sim_reactor.h"

namespace penstock {

enum class SimCrash {
  kPowerCut,
  kKill,
};

struct SimDiskOptions {
  std::uint64_t seed = 1;
  // Each call's latency is between the two; equal values fix it, and zero never suspends.
  Duration latency_min = std::chrono::microseconds(20);
  Duration latency_max = std::chrono::microseconds(500);
  std::uint64_t block_bytes = kBlockBytes;
  // Of the device calls for reads and writes, one in so many is cut short or turned away; 0: none is.
  std::uint64_t disturbed_one_in = 0;
  // How long after the start of the next SimDisk a write in flight may land when this one is killed;
  // zero: all of them have settled by then.
  Duration late_write_max{};
  // Is given one line of text per device call, when it ends.
  std::function<void(std::string_view line)> trace{};
};

class SimDisk final : public Disk {
 public:
  SimDisk(SimStorage& storage, Scheduler& scheduler, SimDiskOptions options = {});
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;
  ~SimDisk() override;

  // Dies, now.
  void crash(SimCrash how);
  void power_cut() { crash(SimCrash::kPowerCut); }
  void kill() { crash(SimCrash::kKill); }
  bool has_crashed() const { return has_crashed_; }

  // Every device call has two steps, its start and its end. steps() counts those that have happened;
  // crash_after(n) dies in the place of step n + 1, so that a loop over n from 0 to the steps() of a
  // run without a crash visits every moment of it.
  std::uint64_t steps() const { return steps_; }
  void crash_after(std::uint64_t steps, SimCrash how);

  void inject(SimFault fault) { faults_.inject(std::move(fault)); }

  // Whether writes of a killed process may still land.
  bool has_late_writes() const;

  std::uint64_t trace_hash() const { return trace_hash_; }

  IoMode mode() const override { return IoMode::kDirect; }
  std::uint64_t block_bytes() const override { return options_.block_bytes; }

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
  class OpenFile;
  class LateWrite;
  class Mapping;
  struct Operation;

  Task<Result<void>> perform(Operation& operation);
  Task<Result<void>> call(Operation& operation);
  void draw_fault(Operation& operation);
  Result<void> end(Operation& operation);
  Result<void> end_with_fault(Operation& operation);
  void settle(const Operation& operation, SimCrash how);
  void land_late_writes(const SimNode& file);
  void write_back_mappings();
  void detach();
  void step();
  Duration latency();
  SimImage::SectorMask some_sectors(std::size_t count);
  void record(const Operation& operation, const Result<void>& result);
  void fold(std::uint64_t value);
  void assert_aligned(FilePosition position, std::uint64_t length_bytes,
                      const std::byte* address) const;
  void assert_no_overlap(const Operation& write) const;
  void assert_not_mapped(const SimNode& file) const;

  SimStorage& storage_;
  Scheduler& scheduler_;
  SimDiskOptions options_;
  Random latency_random_;
  Random fault_random_;  // apart, so that a fault does not change the latencies before it
  Random disturbance_random_;
  Random write_back_random_;
  std::list<Operation*> in_flight_;
  std::list<LateWrite> late_writes_;
  std::list<Mapping*> mappings_;
  SimFaults faults_;
  std::uint64_t steps_ = 0;
  std::uint64_t crash_after_steps_ = std::numeric_limits<std::uint64_t>::max();
  SimCrash crash_how_ = SimCrash::kPowerCut;
  bool has_crashed_ = false;
  std::uint64_t trace_hash_ = 0;
};

// One life of a simulated machine: virtual time, a scheduler and a SimDisk on storage that outlives it.
// Its monotonic time starts at zero, as after a boot; give it the wall time at which the one before it
// died.
struct SimMachine {
  static constexpr std::int64_t kFirstWallMs = 1'700'000'000'000;

  explicit SimMachine(SimStorage& storage, SimDiskOptions options = {},
                      std::int64_t wall_ms_at_start = kFirstWallMs)
      : clock(wall_ms_at_start), disk(storage, scheduler, std::move(options)) {}

  ManualClock clock;
  SimReactor reactor{clock};
  Scheduler scheduler{clock, reactor};
  SimDisk disk;
};

}  // namespace penstock
