// SimFaults: which operations of a SimDisk go wrong, and how. What each fault leaves behind is part of
// the fault model, in sim_disk.h.
//
// Threading: one thread.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "task/clock.h"

namespace penstock {

struct SimNode;

enum class SimOp {
  kOpen,
  kCreateShared,
  kRead,
  kWrite,
  kSync,
  kAllocate,
  kTruncate,
  kSize,
  kRename,
  kRemove,
  kRemoveDirectory,
  kMakeDirectory,
  kSyncDirectory,
  kList,
  kInfo,
  kSpace,
};
std::string_view to_string(SimOp op);

enum class SimFaultKind {
  kError,        // fails with errno_value; with EINTR, EAGAIN or ECANCELED it is made again
  kShort,        // reads and writes: moves some of the sectors, and says how many
  kNothing,      // reads and writes: moves nothing, and says so
  kLost,         // writes: says success, and some or all of the sectors never reach the medium
  kMisdirected,  // says success; a write's bytes are elsewhere or nowhere, a read's are from elsewhere
  kNotDurable,   // writes, syncs and directory syncs: says success, and nothing is durable by it
  kSlow,         // takes longer, by `delay`, and is right
};
std::string_view to_string(SimFaultKind kind);

// Device calls that are to go wrong. An operation is one device call, unless one of its calls is turned
// away or cut short: the next one counts as well.
struct SimFault {
  SimOp op = SimOp::kWrite;
  std::string path_part{};  // only paths that contain it
  std::uint64_t nth = 1;    // counted from inject(): 1 is the next such call
  std::uint64_t count = 1;  // how many of them, from the nth on
  SimFaultKind kind = SimFaultKind::kError;
  int errno_value = EIO;
  Duration delay{};  // on top of the latency, whatever the kind
  // Where misdirected bytes land, or come from: in the same file, or in the one with this path, which
  // does not become longer by it; without a position, the seed chooses whole blocks.
  std::string misdirected_path{};
  std::optional<FilePosition> misdirected_to{};
};

// A device call that starts.
struct SimCall {
  SimOp op;
  std::string_view path;  // that it was opened by, for reads and writes
  std::uint64_t position = 0;
  std::uint64_t length_bytes = 0;
  const SimNode* file = nullptr;  // of an open file's calls
};

class SimFaults {
 public:
  // Asserts that such a call can go wrong in this way.
  void inject(SimFault fault);

  // Counts a call that starts now; what happens to it, if anything does.
  std::optional<SimFault> next(SimOp op, std::string_view path);

 private:
  std::vector<SimFault> faults_;  // nth and count: as many are left
};

}  // namespace penstock
