#include "penstock/io_mode.h"

#include "base/error.h"
#include "penstock/probe.h"

namespace penstock {

namespace {

// "ext4 on vda", "tmpfs".
std::string place(const ProbeReport& report) {
  if (report.device.name.empty()) return report.file_system.type;
  return fmt::format("{} on {}", report.file_system.type, report.device.name);
}

std::string possible_modes(const ProbeReport& report) {
  std::string modes;
  if (report.direct.works()) modes += "'direct', ";
  if (report.uncached.works()) modes += "'uncached', ";
  return modes + "'buffered'";
}

Result<ChosenMode> require(const ProbeReport& report, IoMode mode, const Finding& finding,
                           std::string_view mechanism) {
  if (finding.works()) {
    return ChosenMode{mode, fmt::format("asked for, and {} honours {}", place(report), mechanism)};
  }
  return fail(ErrorCode::kNotSupported,
              "I/O mode '{}' cannot be had at {} ({}): {}. Possible there: {}. Set the I/O mode to "
              "'auto' or to "
              "one of these, or use a directory on a local ext4 or XFS file system",
              to_string(mode), report.path, place(report), finding.why, possible_modes(report));
}

ChosenMode choose_best(const ProbeReport& report) {
  if (report.direct.works()) {
    return {IoMode::kDirect, fmt::format("{} honours O_DIRECT", place(report))};
  }
  if (report.uncached.works()) {
    return {IoMode::kUncached, fmt::format("{} honours RWF_DONTCACHE, and no direct I/O: {}",
                                           place(report), report.direct.why)};
  }
  return {IoMode::kBuffered, fmt::format("{} has no direct I/O ({}) and no uncached I/O ({})",
                                         place(report), report.direct.why, report.uncached.why)};
}

}  // namespace

std::string_view to_string(IoMode mode) {
  switch (mode) {
    case IoMode::kDirect: return "direct";
    case IoMode::kUncached: return "uncached";
    case IoMode::kBuffered: return "buffered";
  }
  return "unknown";
}

std::string_view to_string(RequestedIoMode mode) {
  switch (mode) {
    case RequestedIoMode::kAuto: return "auto";
    case RequestedIoMode::kDirect: return "direct";
    case RequestedIoMode::kUncached: return "uncached";
    case RequestedIoMode::kBuffered: return "buffered";
  }
  return "unknown";
}

Result<RequestedIoMode> parse_io_mode(std::string_view text) {
  for (const RequestedIoMode mode : {RequestedIoMode::kAuto, RequestedIoMode::kDirect,
                                     RequestedIoMode::kUncached, RequestedIoMode::kBuffered}) {
    if (text == to_string(mode)) return mode;
  }
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not an I/O mode; use 'auto', 'direct', 'uncached' or 'buffered'", text);
}

Result<ChosenMode> choose_io_mode(const ProbeReport& report, RequestedIoMode requested) {
  if (report.durable_write.tried == Tried::kNotTried) {
    return fail(ErrorCode::kPermission, "which I/O mode {} ({}) can do was not found out: {}",
                report.path, place(report), report.writable.why);
  }
  if (!report.durable_write.works()) {
    return fail(ErrorCode::kNotSupported,
                "nothing at {} ({}) can be made durable, in I/O mode '{}' or any other: {}. Use a "
                "directory on a "
                "local ext4 or XFS file system",
                report.path, place(report), to_string(requested), report.durable_write.why);
  }
  switch (requested) {
    case RequestedIoMode::kAuto: return choose_best(report);
    case RequestedIoMode::kDirect: return require(report, IoMode::kDirect, report.direct, "O_DIRECT");
    case RequestedIoMode::kUncached:
      return require(report, IoMode::kUncached, report.uncached, "RWF_DONTCACHE");
    case RequestedIoMode::kBuffered: break;
  }
  return ChosenMode{IoMode::kBuffered, "asked for"};
}

}  // namespace penstock
