// The kernel, and what it lets this process use.

#include <fmt/ranges.h>

#include <algorithm>

#include "base/units.h"
#include "cli/doctor_lines.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

// Rings of every shard with room to spare, on kernels that count them as locked memory.
constexpr std::uint64_t kEnoughMemlockBytes = 8 * kMiB;
// A thousand partitions with their segments and readers, and as many connections.
constexpr std::uint64_t kEnoughOpenFiles = 65'536;
// The default segment; the largest that can be configured.
constexpr std::uint64_t kDefaultSegmentBytes = 128 * kMiB;
constexpr std::uint64_t kLargestSegmentBytes = 4 * kGiB;
// Sixty partitions with their tails, and the same for requests under way.
constexpr std::uint64_t kEnoughMemoryBytes = 512 * kMiB;

struct KernelGain {
  unsigned major;
  unsigned minor;
  std::string_view gain;
};

// What each version brought that Penstock or its operator has from it.
constexpr KernelGain kGains[] = {
    {5, 15, "io_uring with everything that Penstock needs"},
    {6, 1, "completions without interruptions (DEFER_TASKRUN), and exact alignment of direct I/O"},
    {6, 9, "truncation on the ring"},
    {6, 14, "uncached I/O where direct I/O cannot be had"},
    {6, 17, "zeroed space without writing it (FALLOC_FL_WRITE_ZEROES)"},
};
// Debian 12's. From here on newer ones are nice to have.
constexpr unsigned kGoodMajor = 6;
constexpr unsigned kGoodMinor = 1;

Diagnosis kernel(const KernelReport& kernel) {
  constexpr Subject kSubject{"kernel", "kernel"};
  if (kernel.major_version == 0) return kSubject.unknown(kernel.release);
  std::vector<std::string> gains;
  for (const KernelGain& gain : kGains) {
    if (!kernel.is_at_least(gain.major, gain.minor)) {
      gains.push_back(fmt::format("{}.{}: {}", gain.major, gain.minor, gain.gain));
    }
  }
  std::string finding = "Linux " + kernel.release;
  if (gains.empty()) return kSubject.good(std::move(finding));
  std::string newer = fmt::format("newer ones add: {}", fmt::join(gains, "; "));
  if (kernel.is_at_least(kGoodMajor, kGoodMinor)) return kSubject.good(finding + "; " + newer);
  return kSubject.could_be_better(std::move(finding), std::move(newer));
}

Diagnosis io_uring(const UringReport& ring) {
  constexpr Subject kSubject{"io_uring", "io_uring"};
  if (!ring.finding.works()) {
    return kSubject.could_be_better(
        fmt::format("{}: {}", to_string(ring.finding.tried), ring.finding.why),
        "until then the server uses a few threads with blocking calls: the same promises, more CPU");
  }
  if (!ring.defer_taskrun || !ring.single_issuer) {
    return kSubject.could_be_better("works, without DEFER_TASKRUN",
                                    "Linux 6.1 or newer completes I/O without interrupting the thread");
  }
  std::string finding = "works, with SINGLE_ISSUER and DEFER_TASKRUN";
  if (!ring.missing_opcodes.empty()) {
    finding +=
        fmt::format("; without {}, which goes to a thread", fmt::join(ring.missing_opcodes, ", "));
  }
  return kSubject.good(std::move(finding));
}

std::string limit_text(std::uint64_t limit) {
  return limit == kUnlimited ? "unlimited" : human_bytes(limit);
}

Diagnosis memlock(const LimitsReport& limits) {
  constexpr Subject kSubject{"memlock limit", "memlock"};
  std::string finding = limit_text(limits.memlock_bytes);
  if (limits.memlock_bytes >= kEnoughMemlockBytes) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding),
      fmt::format("raise it to {} or more: `ulimit -l`, or LimitMEMLOCK= in the systemd unit",
                  human_bytes(kEnoughMemlockBytes)));
}

Diagnosis open_files(const LimitsReport& limits) {
  constexpr Subject kSubject{"open files", "open_files"};
  const auto text = [](std::uint64_t limit) {
    return limit == kUnlimited ? std::string("unlimited") : with_commas(limit);
  };
  std::string finding = fmt::format("{}, which the server raises to {}", text(limits.open_files),
                                    text(limits.open_files_hard));
  if (limits.open_files == limits.open_files_hard) finding = text(limits.open_files);
  if (limits.open_files_hard >= kEnoughOpenFiles) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding),
      fmt::format(
          "each partition takes some, and each connection one. Raise the hard limit to {} or more: "
          "`ulimit -Hn`, or LimitNOFILE= in the systemd unit",
          with_commas(kEnoughOpenFiles)));
}

Diagnosis file_size(const LimitsReport& limits) {
  constexpr Subject kSubject{"file size limit", "file_size"};
  std::string finding = limit_text(limits.file_size_bytes);
  const char* const remedy =
      "raise it: `ulimit -f unlimited`, or LimitFSIZE=infinity in the systemd unit";
  if (limits.file_size_bytes < kDefaultSegmentBytes) {
    return kSubject.wrong(std::move(finding), fmt::format("segments of {} could not be made; {}",
                                                          human_bytes(kDefaultSegmentBytes), remedy));
  }
  if (limits.file_size_bytes < kLargestSegmentBytes) {
    return kSubject.could_be_better(std::move(finding), remedy);
  }
  return kSubject.good(std::move(finding));
}

Diagnosis memory(const LimitsReport& limits) {
  constexpr Subject kSubject{"memory", "memory"};
  const bool is_limited = limits.control_group_bytes < limits.memory_bytes;
  const std::uint64_t bytes = is_limited ? limits.control_group_bytes : limits.memory_bytes;
  if (bytes == 0) return kSubject.unknown("not known");
  std::string finding = is_limited
                            ? fmt::format("{}, by the limit of a control group", human_bytes(bytes))
                            : human_bytes(bytes);
  if (bytes >= kEnoughMemoryBytes) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding),
      fmt::format("{}. Give it {} or more, or lower storage.tail_bytes, which each partition may take",
                  is_limited ? "the server is killed when it needs more (MemoryMax=, docker --memory)"
                             : "that is little for a server",
                  human_bytes(kEnoughMemoryBytes)));
}

}  // namespace

std::vector<Diagnosis> system_lines(const ProbeReport& report) {
  return {kernel(report.kernel),     io_uring(report.io_uring), memlock(report.limits),
          open_files(report.limits), file_size(report.limits),  memory(report.limits)};
}

}  // namespace penstock::cli
