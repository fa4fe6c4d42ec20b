#include "benchmark/machine.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace penstock::benchmark {

namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

}  // namespace

Machine machine_of(const ProbeReport& report) {
  return {.kernel = report.kernel.release,
          .processors = std::thread::hardware_concurrency(),
          .processor = processor_name(),
          .memory_bytes = report.limits.memory_bytes,
          .file_system = report.file_system.type,
          .mount_options = report.file_system.mount_options,
          .device = report.device.name,
          .scheduler = report.device.io_scheduler,
          .logical_block_bytes = report.device.logical_block_bytes,
          .physical_block_bytes = report.device.physical_block_bytes,
          .write_cache = report.device.write_cache};
}

std::vector<IoMode> honoured_modes(const ProbeReport& report, std::vector<std::string>& notes) {
  std::vector<IoMode> modes;
  const auto add_if = [&](const Finding& finding, IoMode mode) {
    if (finding.works()) modes.push_back(mode);
    if (!finding.works()) {
      notes.push_back(fmt::format("mode '{}' is not here: {}", to_string(mode), finding.why));
    }
  };
  add_if(report.direct, IoMode::kDirect);
  add_if(report.uncached, IoMode::kUncached);
  modes.push_back(IoMode::kBuffered);
  return modes;
}

std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace penstock::benchmark
