#include "disk/uring_probe.h"

#include <liburing.h>

#include "disk/system_text.h"
#include "disk/uring_reactor.h"

namespace penstock {

namespace {

struct Opcode {
  unsigned number;
  const char* name;
};

// What Penstock uses where the kernel has it, and replaces by a call on a worker thread where not.
constexpr Opcode kOptionalOpcodes[] = {{kOpcodeFtruncate, "FTRUNCATE"}};

bool grants(unsigned setup_flags) {
  io_uring ring{};
  if (io_uring_queue_init(1, &ring, setup_flags) != 0) return false;
  io_uring_queue_exit(&ring);
  return true;
}

}  // namespace

UringReport probe_io_uring() {
  UringReport report;
  const std::optional<std::uint64_t> disabled = number_in("/proc/sys/kernel/io_uring_disabled");
  if (disabled) report.disabled_sysctl = static_cast<unsigned>(*disabled);
  const Result<std::unique_ptr<UringReactor>> ring = UringReactor::create();
  if (!ring) {
    report.finding = {.tried = Tried::kFails, .why = ring.error().message()};
    return report;
  }
  report.finding = {.tried = Tried::kWorks, .why = ""};
  report.single_issuer = grants(IORING_SETUP_SINGLE_ISSUER);
  report.defer_taskrun = grants(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  for (const Opcode& opcode : kOptionalOpcodes) {
    if (!(*ring)->supports(opcode.number)) report.missing_opcodes.emplace_back(opcode.name);
  }
  return report;
}

}  // namespace penstock
