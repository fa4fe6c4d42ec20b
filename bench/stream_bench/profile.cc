#include "bench/stream_bench/profile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace penstock::bench {

namespace {

constexpr std::size_t kNamedFunctions = 6;

struct PipeCloser {
  void operator()(std::FILE* pipe) const { ::pclose(pipe); }
};

// One sample as perf script prints it: an address, a function, and in parentheses what it is in.
struct Sample {
  std::string_view function;
  std::string_view object;
};

std::optional<Sample> parse(std::string_view line) {
  const auto address = line.find_first_not_of(' ');
  const auto space = address == line.npos ? line.npos : line.find(' ', address);
  const auto open = line.rfind('(');
  const auto close = line.rfind(')');
  if (space == line.npos || open == line.npos || close == line.npos || open < space + 1) return {};
  return Sample{.function = line.substr(space + 1, open - space - 2),
                .object = line.substr(open + 1, close - open - 1)};
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](auto word) { return text.find(word) != text.npos; });
}

double* share_of(TimeShares& shares, const Sample& sample) {
  // The kernel and its modules are in brackets, like a few things of the process itself.
  const bool is_of_process = contains_any(sample.object, {"[vdso]", "[heap]", "[stack]", "[unknown]"});
  if (sample.object.starts_with("[") && !is_of_process) return &shares.kernel;
  if (contains_any(sample.function, {"crc32", "crc_"})) return &shares.checksum;
  if (contains_any(sample.function, {"memcpy", "memmove", "copy_for_device", "stream_lines"})) {
    return &shares.copy;
  }
  return &shares.rest;
}

std::string name_largest(const std::map<std::string, std::uint64_t>& counts, double samples) {
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  for (const auto& [function, count] : counts) sorted.emplace_back(count, function);
  std::ranges::sort(sorted, std::greater{});
  if (sorted.size() > kNamedFunctions) sorted.resize(kNamedFunctions);
  std::string text;
  for (const auto& [count, function] : sorted) {
    constexpr std::size_t kMostLetters = 60;
    text += fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", function.substr(0, kMostLetters),
                        100 * static_cast<double>(count) / samples);
  }
  return text;
}

}  // namespace

Profile::Profile(pid_t pid, const std::string& directory)
    : file_(fmt::format("{}/perf.{}", directory, pid)) {
  const std::string sampled = std::to_string(pid);
  perf_ = ::fork();
  if (perf_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::execlp("perf", "perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-p", sampled.c_str(), "-o",
           file_.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

void Profile::stop() {
  if (perf_ < 0) return;
  ::kill(perf_, SIGINT);
  ::waitpid(perf_, nullptr, 0);
  perf_ = -1;
}

Profile::~Profile() {
  stop();
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

std::optional<TimeShares> Profile::finish() {
  stop();
  if (!std::filesystem::exists(file_)) return {};
  const std::string command = fmt::format("perf script -i '{}' -F ip,sym,dso 2>/dev/null", file_);
  const std::unique_ptr<std::FILE, PipeCloser> pipe(::popen(command.c_str(), "r"));
  if (pipe == nullptr) return {};
  TimeShares shares;
  std::map<std::string, std::uint64_t> counts_of_rest;
  std::array<char, 4096> line;
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    const auto sample = parse(line.data());
    if (!sample) continue;
    ++shares.samples;
    double* const share = share_of(shares, *sample);
    *share += 1;
    if (share == &shares.rest) ++counts_of_rest[std::string(sample->function)];
  }
  if (shares.samples == 0) return {};
  const auto samples = static_cast<double>(shares.samples);
  for (double* share : {&shares.kernel, &shares.checksum, &shares.copy, &shares.rest})
    *share /= samples;
  shares.largest_of_rest = name_largest(counts_of_rest, samples);
  return shares;
}

}  // namespace penstock::bench
