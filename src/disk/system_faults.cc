#include "disk/system_faults.h"

#include "base/assert.h"

namespace penstock {

std::string_view to_string(SystemCall call) {
  switch (call) {
    case SystemCall::kOpen: return "open";
    case SystemCall::kRead: return "read";
    case SystemCall::kWrite: return "write";
    case SystemCall::kSync: return "sync";
    case SystemCall::kAllocate: return "allocate";
    case SystemCall::kTruncate: return "truncate";
    case SystemCall::kStat: return "stat";
    case SystemCall::kRename: return "rename";
    case SystemCall::kUnlink: return "unlink";
    case SystemCall::kMakeDirectory: return "make_directory";
    case SystemCall::kOther: return "other";
  }
  return "unknown";
}

void SystemFaults::inject(const SystemFault& fault) {
  using Kind = SystemFault::Kind;
  PENSTOCK_ASSERT(fault.nth > 0 && fault.errno_value > 0,
                  "a fault without a place or without an errno");
  PENSTOCK_ASSERT(fault.kind != Kind::kShortened || fault.call == SystemCall::kRead ||
                      fault.call == SystemCall::kWrite,
                  "only reads and writes can be cut short");
  PENSTOCK_ASSERT(fault.kind != Kind::kMisreported || fault.call != SystemCall::kOpen,
                  "an open that is said to have failed would leave its descriptor open for ever");
  const std::lock_guard lock(mutex_);
  faults_.push_back({.fault = fault, .passing_left = fault.nth - 1, .hits_left = fault.count});
}

const SystemFault* SystemFaults::next(SystemCall call) {
  const std::lock_guard lock(mutex_);
  ++call_counts_[static_cast<std::size_t>(call)];
  const SystemFault* hit = nullptr;
  for (Armed& armed : faults_) {
    if (armed.fault.call != call) continue;
    if (armed.passing_left > 0) {
      --armed.passing_left;
    } else if (armed.hits_left > 0) {
      --armed.hits_left;
      hit = &armed.fault;
    }
  }
  if (hit != nullptr) ++hit_count_;
  return hit;
}

std::uint64_t SystemFaults::call_count(SystemCall call) const {
  const std::lock_guard lock(mutex_);
  return call_counts_[static_cast<std::size_t>(call)];
}

std::uint64_t SystemFaults::hit_count() const {
  const std::lock_guard lock(mutex_);
  return hit_count_;
}

}  // namespace penstock
