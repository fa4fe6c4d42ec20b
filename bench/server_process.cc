#include "bench/server_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/latency.h"

namespace penstock::bench {

namespace {

constexpr int kStartTimeoutMs = 30'000;
constexpr std::string_view kReadyWords = "listening on ";

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ServerProcess::ServerProcess(std::string directory, std::vector<std::string> more_flags)
    : directory_(std::move(directory)), more_flags_(std::move(more_flags)) {
  start();
}

void ServerProcess::start() {
  banner_.clear();
  const std::string program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "penstock").string();
  std::vector<std::string> words = {program,          "serve", "--listen", "127.0.0.1:0",
                                    "--admin-listen", "off",   "--data",   directory_};
  words.insert(words.end(), more_flags_.begin(), more_flags_.end());
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) die("cannot make a pipe");
  pid_ = ::fork();
  if (pid_ < 0) die("cannot fork");
  if (pid_ == 0) {
    // Nobody stops a server whose benchmark was killed.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(program.c_str(), arguments.data());
    fmt::print(stderr, "cannot run {}; build it first\n", program);
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  output_ = pipe_ends[0];
  while (true) {
    pollfd readable{output_, POLLIN, 0};
    if (::poll(&readable, 1, kStartTimeoutMs) <= 0) die("the server did not get ready in time");
    char buffer[4096];
    const ssize_t count = ::read(output_, buffer, sizeof buffer);
    if (count <= 0) die("the server ended before it was ready:\n" + banner_);
    banner_.append(buffer, static_cast<std::size_t>(count));
    const auto at = banner_.find(kReadyWords);
    const auto end = at == std::string::npos ? at : banner_.find('\n', at);
    if (end == std::string::npos) continue;
    address_ = banner_.substr(at + kReadyWords.size(), end - at - kReadyWords.size());
    return;
  }
}

std::chrono::nanoseconds ServerProcess::restart_after_kill() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
  const Stopwatch stopwatch;
  start();
  return stopwatch.elapsed();
}

ServerProcess::~ServerProcess() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
  std::filesystem::remove_all(directory_);
}

double ServerProcess::cpu_seconds() const {
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

std::uint64_t ServerProcess::status_bytes(std::string_view field) const {
  constexpr std::uint64_t kBytesPerKb = 1024;
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string word; file >> word;) {
    if (word != field) continue;
    std::uint64_t kb = 0;
    file >> kb;
    return kb * kBytesPerKb;
  }
  die("the server's memory is not known: it has ended");
}

double own_cpu_seconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

}  // namespace penstock::bench
