#include "cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cli/exit_code.h"

namespace penstock::cli {

namespace {

constexpr std::size_t kColumnsElsewhere = 100;  // in files and pipes
constexpr std::size_t kFewestColumns = 60;
constexpr std::size_t kMostColumns = 120;  // longer lines are hard to read
constexpr auto kProgressInterval = std::chrono::milliseconds(200);
// A pipe that is ready has room for so much (PIPE_BUF); files take anything.
constexpr std::size_t kPipeWriteBytes = 4096;
constexpr std::size_t kFileWriteBytes = 1 << 20;
constexpr std::string_view kEraseLine = "\r\x1b[K";

// A stream in memory (fmemopen, open_memstream) has no descriptor.
bool is_terminal(std::FILE* stream) {
  const int fd = ::fileno(stream);
  return fd >= 0 && ::isatty(fd) == 1;
}

bool is_regular_file(std::FILE* stream) {
  struct stat status{};
  const int fd = ::fileno(stream);
  return fd >= 0 && ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Console::Console(std::FILE* out, std::FILE* err)
    : out_(out),
      err_(err),
      out_is_terminal_(is_terminal(out)),
      err_is_terminal_(is_terminal(err)),
      largest_write_(is_regular_file(out) ? kFileWriteBytes : kPipeWriteBytes) {}

void Console::write(std::string_view text) {
  end_progress();
  if (std::fwrite(text.data(), 1, text.size(), out_) < text.size() && errno == EPIPE) end_quietly();
}

void Console::complain(std::string_view text) {
  end_progress();
  if (std::fflush(out_) != 0 && errno == EPIPE) end_quietly();
  write_error(fmt::format("penstock: {}\n", text));
}

void Console::note(std::string_view text) {
  end_progress();
  if (err_is_terminal_) write_error(fmt::format("penstock: {}\n", text));
}

Result<std::size_t> Console::write_some(std::string_view text, std::chrono::milliseconds patience) {
  if (out_is_terminal_) end_progress();
  const int fd = ::fileno(out_);
  if (fd < 0) return std::fwrite(text.data(), 1, text.size(), out_);  // a stream in memory
  std::fflush(out_);
  pollfd reader{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&reader, 1, static_cast<int>(patience.count())) <= 0) return 0;
  const ssize_t written = ::write(fd, text.data(), std::min(text.size(), largest_write_));
  if (written >= 0) return static_cast<std::size_t>(written);
  if (errno == EINTR || errno == EAGAIN) return 0;
  if (errno == EPIPE) return fail(ErrorCode::kClosed, "nobody reads the output any more");
  return Unexpected(Error::from_errno(errno, "write the output"));
}

void Console::progress(std::string_view line) {
  const auto now = SteadyClock::now();
  if (!err_is_terminal_ || now < next_progress_) return;
  next_progress_ = now + kProgressInterval;
  progress_shown_ = true;
  write_error(fmt::format("{}{}", kEraseLine, line.substr(0, columns() - 1)));
}

void Console::end_progress() {
  if (!progress_shown_) return;
  progress_shown_ = false;
  write_error(kEraseLine);
}

std::size_t Console::columns() const {
  winsize size{};
  const int fd = ::fileno(out_is_terminal_ ? out_ : err_);
  if (fd < 0 || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsElsewhere;
  return std::clamp<std::size_t>(size.ws_col, kFewestColumns, kMostColumns);
}

bool Console::colours() const {
  // NOLINTBEGIN(concurrency-mt-unsafe): one thread, and nobody sets the environment.
  const char* const terminal = std::getenv("TERM");
  const bool is_dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return out_is_terminal_ && !is_dumb && std::getenv("NO_COLOR") == nullptr;
  // NOLINTEND(concurrency-mt-unsafe)
}

bool Console::flush() {
  end_progress();
  if (std::fflush(out_) == 0 && std::ferror(out_) == 0) return true;
  if (errno == EPIPE) end_quietly();
  complain(Error::from_errno(errno, "write the output"));
  return false;
}

void Console::write_error(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), err_);
  std::fflush(err_);
}

void Console::end_quietly() { ::_exit(kFailed); }

}  // namespace penstock::cli
