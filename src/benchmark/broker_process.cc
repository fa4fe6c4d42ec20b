#include "benchmark/broker_process.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/units.h"
#include "benchmark/memory_cgroup.h"

namespace penstock::benchmark {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStartTimeout{120};  // a recovery may be long
constexpr std::chrono::seconds kStopTimeout{30};
constexpr std::chrono::milliseconds kLookAgain{10};
constexpr std::size_t kBannerBytesMax = 64 * kKiB;
constexpr std::size_t kLastWordsBytes = 2000;
constexpr std::string_view kReadyWords = "listening on ";
constexpr std::string_view kAdminWords = "admin: http://";

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The word behind `words`; empty when the line is not whole yet.
std::string word_behind(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  if (at == std::string_view::npos) return "";
  const std::size_t from = at + words.size();
  const std::size_t end = text.find_first_of(" \n,", from);
  return end == std::string_view::npos ? "" : std::string(text.substr(from, end - from));
}

[[noreturn]] void become(const BrokerOptions& options, std::vector<std::string>& words, pid_t parent,
                         int output) {
  // Nobody stops a server whose benchmark was killed.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // Ctrl-C at the terminal is for the benchmark, which then asks for the end.
  ::setpgid(0, 0);
  if (!options.cgroup.empty() && !MemoryCgroup::join(options.cgroup)) ::_exit(1);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(options.program.c_str(), arguments.data());
  ::_exit(127);
}

}  // namespace

std::string own_program(std::string_view name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

double own_cpu_seconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

Result<BrokerProcess> BrokerProcess::start(BrokerOptions options) {
  BrokerProcess process(std::move(options));
  const Result<void> launched = process.launch();
  if (!launched) return Unexpected(launched.error());
  return process;
}

BrokerProcess::BrokerProcess(BrokerProcess&& other) noexcept
    : options_(std::move(other.options_)),
      address_(std::move(other.address_)),
      admin_address_(std::move(other.admin_address_)),
      banner_(std::move(other.banner_)),
      pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)) {}

BrokerProcess& BrokerProcess::operator=(BrokerProcess&& other) noexcept {
  if (this == &other) return *this;
  end();
  options_ = std::move(other.options_);
  address_ = std::move(other.address_);
  admin_address_ = std::move(other.admin_address_);
  banner_ = std::move(other.banner_);
  pid_ = std::exchange(other.pid_, -1);
  output_ = std::exchange(other.output_, -1);
  return *this;
}

BrokerProcess::~BrokerProcess() { end(); }

Result<void> BrokerProcess::launch() {
  banner_.clear();
  std::vector<std::string> words = {options_.program, "serve",
                                    "--listen",       "127.0.0.1:0",
                                    "--admin-listen", options_.has_admin_port ? "127.0.0.1:0" : "off",
                                    "--data",         options_.directory};
  words.insert(words.end(), options_.flags.begin(), options_.flags.end());
  // A file of memory: unlike a pipe, it never makes the server wait for somebody who reads.
  output_ = ::memfd_create("penstock serve", MFD_CLOEXEC);
  if (output_ < 0) return Unexpected(Error::from_errno(errno, "make a file of memory"));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(options_, words, parent, output_);
  if (pid_ < 0) return Unexpected(Error::from_errno(errno, "start " + options_.program));
  return wait_until_ready();
}

Result<void> BrokerProcess::wait_until_ready() {
  const auto deadline = SteadyClock::now() + kStartTimeout;
  while (true) {
    if (options_.is_stopped && options_.is_stopped()) {
      return fail(ErrorCode::kClosed, "start the broker: interrupted");
    }
    if (SteadyClock::now() > deadline) {
      return fail(ErrorCode::kTimeout, "the broker was not ready within {} s; it said last: {}",
                  kStartTimeout.count(), last_words());
    }
    const bool has_ended = !is_alive();
    banner_ = said(0, kBannerBytesMax);
    address_ = word_behind(banner_, kReadyWords);
    admin_address_ = word_behind(banner_, kAdminWords);
    if (!address_.empty() && (!options_.has_admin_port || !admin_address_.empty())) return {};
    if (has_ended) {
      return fail(ErrorCode::kIo, "the broker {} before it was ready; it said last: {}", how_it_ended(),
                  last_words());
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

std::string BrokerProcess::said(std::size_t from, std::size_t bytes_max) const {
  std::string text(bytes_max, '\0');
  const ssize_t count = ::pread(output_, text.data(), text.size(), static_cast<off_t>(from));
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

std::string BrokerProcess::last_words() const {
  struct stat status{};
  if (::fstat(output_, &status) != 0) return "";
  const auto size = static_cast<std::size_t>(status.st_size);
  std::string end = said(size - std::min(size, kLastWordsBytes), kLastWordsBytes);
  end.erase(end.find_last_not_of('\n') + 1);
  const std::size_t line = end.rfind('\n');
  return line == std::string::npos ? end : end.substr(line + 1);
}

void BrokerProcess::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
  pid_ = -1;
  output_ = -1;
}

Result<void> BrokerProcess::restart() { return launch(); }

void BrokerProcess::end() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    const auto deadline = SteadyClock::now() + kStopTimeout;
    while (SteadyClock::now() < deadline) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
        pid_ = -1;
        break;
      }
      std::this_thread::sleep_for(kLookAgain);
    }
  }
  kill();
}

bool BrokerProcess::is_alive() const {
  if (pid_ <= 0) return false;
  siginfo_t info{};
  // WNOWAIT: it is end() that reaps it.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
  return info.si_pid == 0;
}

std::string BrokerProcess::how_it_ended() const {
  siginfo_t info{};
  if (pid_ <= 0 || ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return "ended";
  }
  if (info.si_code == CLD_EXITED) return fmt::format("ended with exit code {}", info.si_status);
  const bool lacks_memory = info.si_status == SIGKILL && !options_.cgroup.empty();
  return fmt::format("was ended by signal {}{}", info.si_status,
                     lacks_memory ? " (its control group has too little memory for it)" : "");
}

double BrokerProcess::cpu_seconds() const {
  std::ifstream file(fmt::format("/proc/{}/stat", pid_));
  std::stringstream text;
  text << file.rdbuf();
  // The fields after the program's name, which may itself hold spaces: state is the first.
  constexpr int kFieldsBeforeUserTime = 11;
  std::istringstream fields(text.str().substr(text.str().rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeUserTime; ++i) fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  return (user_ticks + system_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<std::uint64_t> BrokerProcess::status_bytes(std::string_view field) const {
  constexpr std::uint64_t kBytesPerKb = 1024;
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string word; file >> word;) {
    if (word != field) continue;
    std::uint64_t kb = 0;
    file >> kb;
    return kb * kBytesPerKb;
  }
  return std::nullopt;
}

}  // namespace penstock::benchmark
