#include "benchmark/resource_sampler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>

#include "base/units.h"
#include "disk/cached_bytes.h"
#include "disk/descriptor.h"

namespace penstock::benchmark {

namespace {

constexpr std::chrono::milliseconds kInterval{500};
// More samples than a run of many hours has; then there are no new ones.
constexpr std::size_t kSamplesMax = 200'000;
constexpr std::uint64_t kBytesPerKb = 1024;

// "Dirty:    1234 kB" and the like.
std::optional<std::uint64_t> kb_field(const char* path, std::string_view field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    return std::stoull(line.substr(field.size())) * kBytesPerKb;
  }
  return std::nullopt;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": the total, in microseconds.
std::optional<std::uint64_t> stalled_us(const char* path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  constexpr std::string_view kTotal = "total=";
  const std::size_t at = line.find(kTotal);
  if (at == std::string::npos) return std::nullopt;
  return std::stoull(line.substr(at + kTotal.size()));
}

// "cpu  3200711 423645 ...": the eighth number, of all processors together, in microseconds.
std::optional<std::uint64_t> stolen_us(const char* path) {
  constexpr int kSteal = 8;
  std::ifstream file(path);
  std::string name;
  std::uint64_t ticks = 0;
  file >> name;
  for (int field = 0; field < kSteal; ++field) file >> ticks;
  if (!file) return std::nullopt;
  constexpr std::uint64_t kUsPerS = 1'000'000;
  return ticks * kUsPerS / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

// The share of the time since it was last asked, in percent.
class ShareOfTime {
 public:
  using Total = std::optional<std::uint64_t> (*)(const char* path);

  ShareOfTime(Total total, const char* path, double processors = 1)
      : total_(total), path_(path), processors_(processors), before_(total(path)) {}

  std::optional<double> next(std::chrono::nanoseconds elapsed) {
    const std::optional<std::uint64_t> now = total_(path_);
    const double us = std::chrono::duration<double, std::micro>(elapsed).count() * processors_;
    std::optional<double> share;
    // The hypervisor's total has been seen to go back.
    if (now && before_ && *now >= *before_ && us > 0)
      share = 100 * static_cast<double>(*now - *before_) / us;
    before_ = now;
    return share;
  }

 private:
  Total total_;
  const char* path_;
  double processors_;
  std::optional<std::uint64_t> before_;
};

// Files come and go meanwhile, which is no error.
void for_each_file(const std::string& directory, const std::function<bool(int fd)>& look) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const Descriptor file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC));
    if (file.is_open() && !look(file.get())) return;
  }
}

}  // namespace

std::optional<std::uint64_t> page_cache_bytes_of(const std::string& directory) {
  std::uint64_t bytes = 0;
  bool is_known = true;
  for_each_file(directory, [&](int fd) {
    const std::optional<std::uint64_t> cached = cached_bytes(fd);
    is_known = cached.has_value();
    bytes += cached.value_or(0);
    return is_known;
  });
  if (!is_known) return std::nullopt;
  return bytes;
}

void drop_page_cache_of(const std::string& directory) {
  for_each_file(directory, [](int fd) {
    ::fdatasync(fd);  // dirty pages cannot be dropped
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return true;
  });
}

ResourceSampler::ResourceSampler(Subject subject)
    : subject_(std::move(subject)),
      thread_([this](const std::stop_token& token) { sample_until(token); }) {}

std::vector<ResourceSample> ResourceSampler::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return std::move(samples_);
}

void ResourceSampler::sample_until(const std::stop_token& token) {
  std::mutex mutex;
  std::condition_variable_any waiting;
  ShareOfTime io(stalled_us, "/proc/pressure/io");
  ShareOfTime memory(stalled_us, "/proc/pressure/memory");
  ShareOfTime cpu(stalled_us, "/proc/pressure/cpu");
  ShareOfTime stolen(stolen_us, "/proc/stat", static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)));
  const std::string status =
      subject_.process ? fmt::format("/proc/{}/status", *subject_.process) : std::string();
  auto before = SteadyClock::now();
  while (!token.stop_requested() && samples_.size() < kSamplesMax) {
    {
      std::unique_lock lock(mutex);
      waiting.wait_for(lock, token, kInterval, [] { return false; });
    }
    const auto now = SteadyClock::now();
    const auto elapsed = now - before;
    if (elapsed < kInterval) break;  // told to end: too short a time to say anything of
    before = now;
    ResourceSample sample{.at_s = std::chrono::duration<double>(now - subject_.zero).count()};
    if (subject_.process) sample.rss_bytes = kb_field(status.c_str(), "VmRSS:");
    if (!subject_.directory.empty()) sample.page_cache_bytes = page_cache_bytes_of(subject_.directory);
    sample.dirty_bytes = kb_field("/proc/meminfo", "Dirty:");
    sample.writeback_bytes = kb_field("/proc/meminfo", "Writeback:");
    sample.psi_io = io.next(elapsed);
    sample.psi_memory = memory.next(elapsed);
    sample.psi_cpu = cpu.next(elapsed);
    sample.stolen_percent = stolen.next(elapsed);
    samples_.push_back(sample);
  }
}

}  // namespace penstock::benchmark
