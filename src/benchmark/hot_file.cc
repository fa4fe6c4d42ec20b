#include "benchmark/hot_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/units.h"
#include "benchmark/histogram.h"
#include "benchmark/latency_recorder.h"
#include "benchmark/memory_cgroup.h"
#include "disk/descriptor.h"

namespace penstock::benchmark {

namespace {

constexpr int kTouchesPerTurn = 200;
constexpr std::chrono::milliseconds kTurn{100};
constexpr std::chrono::seconds kReadyTimeout{120};
constexpr std::chrono::seconds kStopTimeout{30};

volatile sig_atomic_t told_to_stop = 0;

double resident_share(std::byte* memory, std::uint64_t size_bytes, std::vector<unsigned char>& pages) {
  if (::mincore(memory, size_bytes, pages.data()) != 0) return 0;
  const auto resident =
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1U) != 0; });
  return static_cast<double>(resident) / static_cast<double>(pages.size());
}

double us_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

Result<void> write_file(const std::string& path, std::uint64_t size_bytes) {
  const Descriptor file(::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return Unexpected(Error::from_errno(errno, "create " + path));
  const std::vector<std::byte> piece(kMiB, std::byte{0x5A});
  for (std::uint64_t at = 0; at < size_bytes; at += piece.size()) {
    const std::size_t bytes = std::min<std::uint64_t>(piece.size(), size_bytes - at);
    if (::pwrite(file.get(), piece.data(), bytes, static_cast<off_t>(at)) !=
        static_cast<ssize_t>(bytes)) {
      return Unexpected(Error::from_errno(errno, "write " + path));
    }
  }
  // Its pages belong to whoever wrote them; dropped, they become the reader's.
  if (::fsync(file.get()) != 0) return Unexpected(Error::from_errno(errno, "sync " + path));
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

}  // namespace

int touch_hot_file(const std::string& path, std::uint64_t size_bytes) {
  ::signal(SIGTERM, [](int) { told_to_stop = 1; });
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* const mapped = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) {
    fmt::print(stderr, "{}\n", Error::from_errno(errno, "map " + path).message());
    return 1;
  }
  auto* const memory = static_cast<std::byte*>(mapped);
  std::vector<unsigned char> pages(size_bytes / kBlockBytes);
  volatile std::byte sink{};
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t at = 0; at < size_bytes; at += kBlockBytes) sink = memory[at];
  }
  fmt::print("ready\n");
  std::fflush(stdout);

  Random random(11);
  double least = 1;
  double last = 1;
  Histogram touches;
  while (told_to_stop == 0) {
    last = resident_share(memory, size_bytes, pages);
    least = std::min(least, last);
    for (int i = 0; i < kTouchesPerTurn; ++i) {
      const auto before = SteadyClock::now();
      sink = memory[random.below(pages.size()) * kBlockBytes];
      touches.add(SteadyClock::now() - before);
    }
    std::this_thread::sleep_for(kTurn);
  }
  (void)sink;
  fmt::print("{} {} {} {} {}\n", least, last, us_of(touches.percentile(0.5)),
             us_of(touches.percentile(0.99)), us_of(touches.percentile(0.999)));
  return 0;
}

Result<HotFileProcess> HotFileProcess::start(const std::string& program, const std::string& path,
                                             std::uint64_t size_bytes, const std::string& cgroup) {
  const Result<void> written = write_file(path, size_bytes);
  if (!written) return Unexpected(written.error());
  std::vector<std::string> words = {
      program, "bench", "hot-file", "--path", path, "--bytes", std::to_string(size_bytes)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return Unexpected(Error::from_errno(errno, "make a pipe"));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    if (::getppid() != parent || !MemoryCgroup::join(cgroup)) ::_exit(1);
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::execv(program.c_str(), arguments.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  HotFileProcess process(pid, pipe_ends[0], path);
  if (pid < 0) return Unexpected(Error::from_errno(errno, "start " + program));
  const Result<std::string> line = process.read_line(kReadyTimeout);
  if (!line) return Unexpected(line.error());
  if (*line != "ready") return fail(ErrorCode::kIo, "the neighbour said '{}'", *line);
  return process;
}

HotFileProcess::HotFileProcess(HotFileProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      path_(std::exchange(other.path_, "")) {}

HotFileProcess::~HotFileProcess() { end(); }

void HotFileProcess::end() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
  pid_ = -1;
  output_ = -1;
  path_.clear();
}

Result<std::string> HotFileProcess::read_line(std::chrono::milliseconds patience) const {
  const auto deadline = SteadyClock::now() + patience;
  std::string line;
  while (SteadyClock::now() < deadline) {
    pollfd readable{output_, POLLIN, 0};
    if (::poll(&readable, 1, 100) <= 0) continue;
    char one = 0;
    if (::read(output_, &one, 1) != 1) return fail(ErrorCode::kIo, "the neighbour ended by itself");
    if (one == '\n') return line;
    line += one;
  }
  return fail(ErrorCode::kTimeout, "the neighbour did not answer");
}

Result<HotFileOutcome> HotFileProcess::stop() {
  ::kill(pid_, SIGTERM);
  const Result<std::string> line = read_line(kStopTimeout);
  end();
  if (!line) return Unexpected(line.error());
  HotFileOutcome outcome;
  if (std::sscanf(line->c_str(), "%lf %lf %lf %lf %lf", &outcome.least_resident, &outcome.last_resident,
                  &outcome.touch_p50_us, &outcome.touch_p99_us, &outcome.touch_p999_us) != 5) {
    return fail(ErrorCode::kIo, "the neighbour said '{}'", *line);
  }
  return outcome;
}

}  // namespace penstock::benchmark
