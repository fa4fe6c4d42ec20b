// Which ways of reading and writing work.

#include <algorithm>

#include "base/units.h"
#include "cli/doctor_lines.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

// "fails: ...", "ignored: ...", "not tried: ...".
std::string text_of(const Finding& finding) {
  return fmt::format("{}: {}", to_string(finding.tried), finding.why);
}
bool is_untried(const Finding& finding) { return finding.tried == Tried::kNotTried; }

Diagnosis writable(const ProbeReport& report) {
  constexpr Subject kSubject{"writable", "writable"};
  if (report.writable.works()) return kSubject.good("yes, by this user");
  // Whether the server's user may write here is another question; a read-only mount is everybody's.
  if (report.file_system.has_option("ro")) {
    return kSubject.wrong("no: the file system is mounted read-only", "see the line \"mount options\"");
  }
  return kSubject.unknown(
      "not by this user: " + report.writable.why,
      "run doctor as the user that the server runs as: all that needs a file to try is "
      "left out");
}

Diagnosis alignment(const ProbeReport& report) {
  constexpr Subject kSubject{"alignment", "alignment"};
  const DirectAlignment& units = report.alignment;
  if (units.offset_bytes == 0) return kSubject.unknown("not tried");
  const std::uint32_t largest = std::max({units.memory_bytes, units.offset_bytes, units.write_bytes});
  std::string finding =
      fmt::format("memory {}, offset {}, read {}, write {} bytes ({})", units.memory_bytes,
                  units.offset_bytes, units.read_bytes, units.write_bytes, units.source);
  if (largest <= kBlockBytes) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding),
      fmt::format("Penstock writes blocks of {} bytes; the device turns each into a read and a write. "
                  "Use a device with smaller physical blocks",
                  kBlockBytes));
}

Diagnosis direct_io(const ProbeReport& report) {
  constexpr Subject kSubject{"direct I/O", "direct"};
  if (report.direct.works()) return kSubject.good("works");
  if (is_untried(report.direct)) return kSubject.unknown(text_of(report.direct));
  return kSubject.could_be_better(text_of(report.direct),
                                  is_memory(report.file_system)
                                      ? "use a directory on a disk"
                                      : "without it latency depends on what the page cache is doing. "
                                        "Do what the reason says, or use a "
                                        "local ext4 or XFS file system");
}

Diagnosis uncached_io(const ProbeReport& report) {
  constexpr Subject kSubject{"uncached I/O", "uncached"};
  if (report.uncached.works()) return kSubject.good("works");
  if (is_untried(report.uncached)) return kSubject.unknown(text_of(report.uncached));
  // Only wanted where direct I/O cannot be had.
  if (report.direct.works()) {
    return kSubject.good(text_of(report.uncached) + " (not needed: direct I/O works)");
  }
  return kSubject.could_be_better(
      text_of(report.uncached), "the next best after direct I/O: Linux 6.14 or newer, on ext4 or XFS");
}

Diagnosis durable_writes(const ProbeReport& report) {
  constexpr Subject kSubject{"durable writes", "durable_write"};
  if (report.durable_write.works()) return kSubject.good("work");
  if (is_untried(report.durable_write)) return kSubject.unknown(text_of(report.durable_write));
  return kSubject.wrong(text_of(report.durable_write),
                        "nothing could be acknowledged. Use another file system");
}

Diagnosis nowait(const ProbeReport& report) {
  constexpr Subject kSubject{"nowait writes", "nowait"};
  if (report.nowait.works()) return kSubject.good("work: a commit leaves at once, on the ring");
  if (is_untried(report.nowait)) return kSubject.unknown(text_of(report.nowait));
  if (!report.io_uring.finding.works()) {
    return kSubject.good(text_of(report.nowait) + " (not needed without io_uring)");
  }
  return kSubject.could_be_better(text_of(report.nowait),
                                  "the kernel hands each commit to a thread of its own, which costs "
                                  "some microseconds. ext4 and XFS can "
                                  "do without");
}

Diagnosis allocation(const ProbeReport& report) {
  constexpr Subject kSubject{"fallocate", "allocate"};
  if (report.allocate.works()) return kSubject.good("works: space is reserved before it is needed");
  if (is_untried(report.allocate)) return kSubject.unknown(text_of(report.allocate));
  return kSubject.wrong(
      text_of(report.allocate),
      "segments could not be made, because their space cannot be reserved. Use ext4 or XFS");
}

Diagnosis write_zeroes(const ProbeReport& report) {
  constexpr Subject kSubject{"zeroed space", "write_zeroes"};
  if (report.write_zeroes.works()) return kSubject.good("the device makes it (FALLOC_FL_WRITE_ZEROES)");
  if (is_untried(report.write_zeroes)) return kSubject.unknown(text_of(report.write_zeroes));
  return kSubject.good(text_of(report.write_zeroes) +
                       " (not needed: segments are filled by writing, in the background)");
}

Diagnosis atomic_writes(const ProbeReport& report) {
  constexpr Subject kSubject{"atomic writes", "atomic_writes"};
  const AtomicWrites& atomic = report.atomic_writes;
  if (is_untried(atomic.finding) && atomic.max_bytes == 0)
    return kSubject.unknown(text_of(atomic.finding));
  if (atomic.max_bytes == 0) {
    return kSubject.good(
        fmt::format("none: {} (not needed: every commit has checksums)", atomic.finding.why));
  }
  std::string finding =
      fmt::format("{} to {}", human_bytes(atomic.min_bytes), human_bytes(atomic.max_bytes));
  if (!atomic.finding.works()) {
    finding += fmt::format(" are promised; {} (not needed: every commit has checksums)",
                           text_of(atomic.finding));
  }
  return kSubject.good(std::move(finding));
}

}  // namespace

std::vector<Diagnosis> io_lines(const ProbeReport& report) {
  return {writable(report),    alignment(report),      direct_io(report),
          uncached_io(report), durable_writes(report), nowait(report),
          allocation(report),  write_zeroes(report),   atomic_writes(report)};
}

}  // namespace penstock::cli
