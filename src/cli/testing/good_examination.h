// An examination in which everything is good: an NVMe device under ext4, measured. Tests change a part
// of it.
#pragma once

#include "base/units.h"
#include "cli/doctor.h"

namespace penstock::cli {

inline LatencySeries series_of(float us) {
  return {.samples_us = {us, us, us}, .p50_us = us, .p99_us = us};
}

inline Measurement good_measurement() {
  Measurement measured;
  measured.mode = IoMode::kDirect;
  measured.io_uring = true;
  measured.seconds = 2;
  measured.file_bytes = 256 * kMiB;
  measured.processor_use = 0.01;
  measured.durable_growing = series_of(180);
  measured.durable_allocated = series_of(160);
  measured.durable_prewritten = series_of(90);
  measured.random_read = series_of(70);
  measured.random_read_many = {
      .bytes = 400 * kMiB, .operations = 102'400, .seconds = 1, .in_flight = 32};
  measured.sequential_write = {.bytes = kGiB, .operations = 1024, .seconds = 1, .in_flight = 4};
  measured.sequential_read = {.bytes = 2 * kGiB, .operations = 2048, .seconds = 1, .in_flight = 4};
  return measured;
}

inline ProbeReport good_report() {
  const Finding works{.tried = Tried::kWorks, .why = ""};
  ProbeReport report;
  report.path = report.directory = "/data";
  report.kernel = {.release = "6.18.0", .major_version = 6, .minor_version = 18};
  report.file_system = {.type = "ext4",
                        .mount_point = "/data",
                        .mount_options = "rw,noatime,rw,data=ordered",
                        .source = "/dev/nvme0n1",
                        .total_bytes = 100 * kGiB,
                        .available_bytes = 50 * kGiB,
                        .total_inodes = 6'000'000,
                        .available_inodes = 5'000'000};
  report.device.name = "nvme0n1";
  report.device.layers = {{.name = "nvme0n1", .kind = "disk", .detail = "Fast SSD"}};
  report.device.logical_block_bytes = 512;
  report.device.physical_block_bytes = 4096;
  report.device.write_cache = "write through";
  report.device.fua = true;
  report.device.rotational = false;
  report.device.io_scheduler = "none";
  report.device.io_scheduler_device = "nvme0n1";
  report.limits = {.memlock_bytes = kUnlimited,
                   .open_files = 1'024,
                   .open_files_hard = 1'048'576,
                   .file_size_bytes = kUnlimited,
                   .control_group_bytes = kUnlimited,
                   .memory_bytes = 64 * kGiB};
  report.alignment = {.memory_bytes = 4,
                      .offset_bytes = 512,
                      .read_bytes = 512,
                      .write_bytes = 4096,
                      .source = "statx"};
  for (Finding* finding : {&report.writable, &report.direct, &report.uncached, &report.durable_write,
                           &report.nowait, &report.allocate, &report.write_zeroes,
                           &report.atomic_writes.finding, &report.io_uring.finding}) {
    *finding = works;
  }
  report.atomic_writes.min_bytes = 4096;
  report.atomic_writes.max_bytes = 65'536;
  report.io_uring.disabled_sysctl = 0;
  report.io_uring.single_issuer = report.io_uring.defer_taskrun = true;
  return report;
}

inline Examination good_examination() {
  return {.report = good_report(), .measurement = good_measurement(), .not_measured = ""};
}

}  // namespace penstock::cli
