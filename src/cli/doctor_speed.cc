// What was measured.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/doctor_lines.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

// Above that, somebody who waits for a commit notices. An SSD with power-loss protection needs a
// twentieth.
constexpr double kSlowCommitUs = 2'000;
constexpr double kStallUs = 20'000;
// Less than a system call and the way to any device take.
constexpr double kUnbelievableCommitUs = 8;
// What a difference has to be to be one, in a measurement this short.
constexpr double kClearlyFaster = 1.1;
constexpr double kSlowReadUs = 2'000;
constexpr double kMegabyte = 1e6;
constexpr double kSlowSequentialMbs = 100;

// Waiting for a processor, also by the kernel's threads, is then a part of what was measured.
constexpr double kBusyUse = 0.75;

bool is_busy(const Measurement& measured) { return measured.processor_use.value_or(0) > kBusyUse; }

// What to do about a slow value, unless it is not the device's.
std::string unless_busy(const Measurement& measured, std::string_view remedy) {
  if (!is_busy(measured)) return std::string(remedy);
  return fmt::format(
      "the processors were busy ({:.0f} % in use), and I/O waits for them too. Measure again when "
      "the machine "
      "is idle",
      *measured.processor_use * 100);
}

std::string rate_text(const Throughput& throughput) {
  return fmt::format("{:.0f} MB/s", throughput.bytes_per_second() / kMegabyte);
}

// "175 us (p99 300 us)".
std::string latency_text(const LatencySeries& series) {
  return fmt::format("{} (p99 {})", human_microseconds(series.p50_us),
                     human_microseconds(series.p99_us));
}

// How many times longer `other` takes; 0 when one of them is not there.
double times_faster(const LatencySeries& series, const LatencySeries& other) {
  if (series.p50_us <= 0 || other.p50_us <= 0) return 0;
  return other.p50_us / series.p50_us;
}

Diagnosis durable_latency(const Measurement& measured, const ProbeReport& report) {
  constexpr Subject kSubject{"commit speed", "durable_latency"};
  const LatencySeries& series = measured.durable_prewritten;
  if (series.samples_us.empty()) return kSubject.unknown("no write was done in time");
  std::string finding = fmt::format("a durable write of 4 KiB takes {}, {}", latency_text(series),
                                    count_of(series.samples_us.size(), "sample"));
  if (series.p50_us > kSlowCommitUs) {
    return kSubject.could_be_better(
        std::move(finding),
        unless_busy(measured,
                    "each producer that waits for its acknowledgement waits that long. "
                    "An SSD with protection against "
                    "power loss takes less than 0.1 ms"));
  }
  if (series.p99_us > kStallUs) {
    return kSubject.could_be_better(
        std::move(finding),
        unless_busy(
            measured,
            "now and then a commit stalls. Look for others that use the device (`iostat -x 1`), for "
            "'discard', and "
            "for a device whose own housekeeping takes over when it is nearly full"));
  }
  if (series.p50_us < kUnbelievableCommitUs && !is_memory(report.file_system)) {
    return kSubject.could_be_better(std::move(finding),
                                    "no device is that fast: somebody below acknowledges from memory. "
                                    "On a virtual machine the host's disk "
                                    "must not be attached with cache=unsafe");
  }
  return kSubject.good(std::move(finding));
}

std::string remedy_for_slow_overwrites(const FileSystemReport& fs) {
  if (fs.type == "btrfs") {
    return "btrfs writes each block to a new place. Use ext4 or XFS, or `chattr +C` on the empty "
           "directory";
  }
  return "writing segments ahead gains nothing here, and costs each byte a second time: the file "
         "system writes "
         "each block to a new place, or what is below it is what one waits for";
}

Diagnosis prewriting(const Measurement& measured, const ProbeReport& report) {
  constexpr Subject kSubject{"prewritten", "prewriting"};
  const double than_growing = times_faster(measured.durable_prewritten, measured.durable_growing);
  const double than_allocated = times_faster(measured.durable_prewritten, measured.durable_allocated);
  if (than_growing == 0) return kSubject.unknown("not enough writes to compare");
  std::string finding = fmt::format(
      "a durable write into prewritten space takes {}; into a growing file {}, {:.1f} times as long",
      human_microseconds(measured.durable_prewritten.p50_us), latency_text(measured.durable_growing),
      than_growing);
  if (than_allocated > 0) {
    finding += fmt::format("; into fallocated space {}, {:.1f} times as long",
                           latency_text(measured.durable_allocated), than_allocated);
  }
  if (is_memory(report.file_system)) return kSubject.unknown(std::move(finding));
  if (than_growing >= kClearlyFaster) return kSubject.good(std::move(finding));
  if (is_busy(measured)) {
    return kSubject.unknown(finding + "; the processors were too busy to tell them apart");
  }
  return kSubject.could_be_better(std::move(finding), remedy_for_slow_overwrites(report.file_system));
}

Diagnosis random_reads(const Measurement& measured) {
  constexpr Subject kSubject{"random reads", "random_read"};
  const LatencySeries& series = measured.random_read;
  if (series.samples_us.empty()) return kSubject.unknown("no read was done in time");
  std::string finding = fmt::format("4 KiB in {}, {}", latency_text(series),
                                    count_of(series.samples_us.size(), "sample"));
  const Throughput& many = measured.random_read_many;
  if (many.operations > 0) {
    finding +=
        fmt::format("; {} in flight: {} a second", many.in_flight,
                    with_commas(static_cast<std::uint64_t>(std::lround(many.operations_per_second()))));
  }
  if (measured.mode == IoMode::kBuffered) return kSubject.unknown(finding + ", from the page cache");
  if (series.p50_us <= kSlowReadUs) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding),
      unless_busy(measured,
                  "consumers that start anywhere but at the end wait that long for each read "
                  "that is not in a row. Use an SSD"));
}

Diagnosis sequential_reads(const Measurement& measured) {
  constexpr Subject kSubject{"seq. reads", "sequential_read"};
  if (measured.sequential_read.operations == 0) return kSubject.unknown("no read was done in time");
  std::string finding = rate_text(measured.sequential_read);
  if (measured.mode == IoMode::kBuffered) return kSubject.unknown(finding + ", from the page cache");
  if (measured.sequential_read.bytes_per_second() >= kSlowSequentialMbs * kMegabyte) {
    return kSubject.good(std::move(finding));
  }
  return kSubject.could_be_better(
      std::move(finding),
      unless_busy(measured,
                  "consumers that catch up, and recovery after a crash, read no faster. Use a "
                  "faster device, or look for others that use it (`iostat -x 1`)"));
}

Diagnosis sequential_writes(const Measurement& measured) {
  constexpr Subject kSubject{"seq. writes", "sequential_write"};
  std::string finding = rate_text(measured.sequential_write) + ", each MiB durable";
  if (measured.sequential_write.bytes_per_second() >= kSlowSequentialMbs * kMegabyte) {
    return kSubject.good(std::move(finding));
  }
  return kSubject.could_be_better(
      std::move(finding),
      unless_busy(measured,
                  "all producers together cannot be faster. Use a faster device, or look for "
                  "others that use it (`iostat -x 1`)"));
}

}  // namespace

std::vector<Diagnosis> speed_lines(const Examination& examination) {
  if (!examination.measurement) {
    if (examination.not_measured.empty()) return {};
    constexpr Subject kSubject{"measurement", "measurement"};
    return {kSubject.unknown("none: " + examination.not_measured)};
  }
  const Measurement& measured = *examination.measurement;
  return {durable_latency(measured, examination.report), prewriting(measured, examination.report),
          random_reads(measured), sequential_reads(measured), sequential_writes(measured)};
}

}  // namespace penstock::cli
