#include "disk/sim_faults.h"

#include <utility>

#include "base/assert.h"

namespace penstock {

namespace {

bool can_happen(SimFaultKind kind, SimOp op) {
  switch (kind) {
    case SimFaultKind::kError:
    case SimFaultKind::kSlow: return true;
    case SimFaultKind::kShort:
    case SimFaultKind::kNothing:
    case SimFaultKind::kMisdirected: return op == SimOp::kRead || op == SimOp::kWrite;
    case SimFaultKind::kLost: return op == SimOp::kWrite;
    case SimFaultKind::kNotDurable:
      return op == SimOp::kWrite || op == SimOp::kSync || op == SimOp::kSyncDirectory;
  }
  return false;
}

}  // namespace

std::string_view to_string(SimOp op) {
  switch (op) {
    case SimOp::kOpen: return "open";
    case SimOp::kCreateShared: return "create_shared";
    case SimOp::kRead: return "read";
    case SimOp::kWrite: return "write";
    case SimOp::kSync: return "sync";
    case SimOp::kAllocate: return "allocate";
    case SimOp::kTruncate: return "truncate";
    case SimOp::kSize: return "size";
    case SimOp::kRename: return "rename";
    case SimOp::kRemove: return "remove";
    case SimOp::kRemoveDirectory: return "remove_directory";
    case SimOp::kMakeDirectory: return "make_directory";
    case SimOp::kSyncDirectory: return "sync_directory";
    case SimOp::kList: return "list";
    case SimOp::kInfo: return "info";
    case SimOp::kSpace: return "space";
  }
  return "unknown";
}

std::string_view to_string(SimFaultKind kind) {
  switch (kind) {
    case SimFaultKind::kError: return "error";
    case SimFaultKind::kShort: return "short";
    case SimFaultKind::kNothing: return "nothing";
    case SimFaultKind::kLost: return "lost";
    case SimFaultKind::kMisdirected: return "misdirected";
    case SimFaultKind::kNotDurable: return "not durable";
    case SimFaultKind::kSlow: return "slow";
  }
  return "unknown";
}

void SimFaults::inject(SimFault fault) {
  PENSTOCK_ASSERT(can_happen(fault.kind, fault.op), "this fault cannot happen to this operation");
  PENSTOCK_ASSERT(fault.nth > 0, "faults are counted from 1");
  faults_.push_back(std::move(fault));
}

std::optional<SimFault> SimFaults::next(SimOp op, std::string_view path) {
  std::optional<SimFault> hit;
  for (SimFault& fault : faults_) {
    if (fault.op != op || path.find(fault.path_part) == std::string_view::npos) continue;
    if (fault.nth > 1) {
      --fault.nth;
    } else if (fault.count > 0) {
      --fault.count;
      hit = fault;
    }
  }
  return hit;
}

}  // namespace penstock
