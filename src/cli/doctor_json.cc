#include "cli/doctor_json.h"

#include <cmath>

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json limit(std::uint64_t value) { return value == kUnlimited ? Json(nullptr) : Json(value); }

Json finding(const Finding& found) {
  return {{"tried", to_string(found.tried)}, {"why", or_null(found.why)}};
}

Json kernel(const KernelReport& report) {
  return {
      {"release", report.release}, {"major", report.major_version}, {"minor", report.minor_version}};
}

Json file_system(const FileSystemReport& report) {
  return {{"type", report.type},
          {"mount_point", report.mount_point},
          {"mount_options", report.mount_options},
          {"source", report.source},
          {"total_bytes", report.total_bytes},
          {"available_bytes", report.available_bytes},
          {"total_inodes", report.total_inodes},
          {"available_inodes", report.available_inodes}};
}

Json device(const DeviceReport& report) {
  Json layers = Json::array();
  for (const DeviceLayer& layer : report.layers) {
    layers.push_back({{"name", layer.name}, {"kind", layer.kind}, {"detail", or_null(layer.detail)}});
  }
  return {{"name", or_null(report.name)},
          {"layers", layers},
          {"logical_block_bytes", report.logical_block_bytes},
          {"physical_block_bytes", report.physical_block_bytes},
          {"write_cache", or_null(report.write_cache)},
          {"fua", or_null(report.fua)},
          {"rotational", or_null(report.rotational)},
          {"io_scheduler", or_null(report.io_scheduler)},
          {"io_scheduler_device", or_null(report.io_scheduler_device)},
          {"loop_direct_io", or_null(report.loop_direct_io)}};
}

Json limits(const LimitsReport& report) {
  return {{"memlock_bytes", limit(report.memlock_bytes)},
          {"open_files", limit(report.open_files)},
          {"open_files_hard", limit(report.open_files_hard)},
          {"file_size_bytes", limit(report.file_size_bytes)},
          {"control_group_bytes", limit(report.control_group_bytes)},
          {"memory_bytes", report.memory_bytes}};
}

Json alignment(const DirectAlignment& units) {
  return {{"memory_bytes", units.memory_bytes},
          {"offset_bytes", units.offset_bytes},
          {"read_bytes", units.read_bytes},
          {"write_bytes", units.write_bytes},
          {"source", units.source}};
}

Json atomic_writes(const AtomicWrites& atomic) {
  Json json = finding(atomic.finding);
  json["min_bytes"] = atomic.min_bytes;
  json["max_bytes"] = atomic.max_bytes;
  return json;
}

Json io_uring(const UringReport& report) {
  Json json = finding(report.finding);
  json["disabled_sysctl"] = or_null(report.disabled_sysctl);
  json["single_issuer"] = report.single_issuer;
  json["defer_taskrun"] = report.defer_taskrun;
  json["missing_opcodes"] = report.missing_opcodes;
  return json;
}

Json latency(const LatencySeries& series) {
  // To a tenth, as the clock deserves.
  const auto rounded = [](double us) { return std::round(us * 10) / 10; };
  Json samples = Json::array();
  for (const float us : series.samples_us) samples.push_back(rounded(us));
  return {{"count", series.samples_us.size()},
          {"p50_us", rounded(series.p50_us)},
          {"p99_us", rounded(series.p99_us)},
          {"samples_us", std::move(samples)}};
}

Json throughput(const Throughput& measured) {
  return {{"bytes", measured.bytes},
          {"operations", measured.operations},
          {"seconds", measured.seconds},
          {"in_flight", measured.in_flight},
          {"bytes_per_second", measured.bytes_per_second()},
          {"operations_per_second", measured.operations_per_second()}};
}

Json measurement(const std::optional<Measurement>& measured) {
  if (!measured) return nullptr;
  return {{"mode", to_string(measured->mode)},
          {"io_uring", measured->io_uring},
          {"seconds", measured->seconds},
          {"file_bytes", measured->file_bytes},
          {"processor_use", or_null(measured->processor_use)},
          {"durable_growing", latency(measured->durable_growing)},
          {"durable_allocated", latency(measured->durable_allocated)},
          {"durable_prewritten", latency(measured->durable_prewritten)},
          {"random_read", latency(measured->random_read)},
          {"random_read_many", throughput(measured->random_read_many)},
          {"sequential_write", throughput(measured->sequential_write)},
          {"sequential_read", throughput(measured->sequential_read)},
          {"notes", measured->notes}};
}

Json io_mode(const ProbeReport& report) {
  const Result<ChosenMode> chosen = choose_io_mode(report, RequestedIoMode::kAuto);
  if (!chosen) return {{"mode", nullptr}, {"reason", chosen.error().message()}};
  return {{"mode", to_string(chosen->mode)}, {"reason", chosen->reason}};
}

Json checks(const std::vector<Diagnosis>& lines) {
  Json json = Json::array();
  for (const Diagnosis& line : lines) {
    json.push_back({{"check", line.id},
                    {"verdict", id_of(line.verdict)},
                    {"finding", line.finding},
                    {"remedy", or_null(line.remedy)}});
  }
  return json;
}

}  // namespace

nlohmann::ordered_json to_json(const Examination& examination) {
  const ProbeReport& report = examination.report;
  const std::vector<Diagnosis> lines = diagnose(examination);
  return {{"path", report.path},
          {"directory", report.directory},
          {"verdict", id_of(worst_of(lines))},
          {"io_mode", io_mode(report)},
          {"checks", checks(lines)},
          {"kernel", kernel(report.kernel)},
          {"file_system", file_system(report.file_system)},
          {"device", device(report.device)},
          {"limits", limits(report.limits)},
          {"writable", finding(report.writable)},
          {"alignment", alignment(report.alignment)},
          {"direct", finding(report.direct)},
          {"uncached", finding(report.uncached)},
          {"durable_write", finding(report.durable_write)},
          {"nowait", finding(report.nowait)},
          {"allocate", finding(report.allocate)},
          {"write_zeroes", finding(report.write_zeroes)},
          {"atomic_writes", atomic_writes(report.atomic_writes)},
          {"io_uring", io_uring(report.io_uring)},
          {"unknown", report.unknown},
          {"measurement", measurement(examination.measurement)},
          {"not_measured", or_null(examination.not_measured)}};
}

}  // namespace penstock::cli
