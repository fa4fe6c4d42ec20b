// copy: copies a file past the page cache, so that a large copy evicts nothing that other programs
// need.
//
//     copy FROM TO
//
// TO appears when the copy is complete and durable, and not before: the bytes go to TO.part, which is
// renamed at the end, and removed when something fails or Ctrl-C is pressed. An existing TO is
// replaced.

#include <penstock/penstock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;
using penstock::Result;

volatile std::sig_atomic_t g_interrupted = 0;

// A line that is drawn over and over while something is going on; only on a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::uint64_t total_bytes)
      : total_bytes_(total_bytes), is_shown_(::isatty(STDERR_FILENO) == 1) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }

  void show(std::uint64_t done_bytes) {
    const Clock::time_point now = Clock::now();
    if (!is_shown_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    const double share =
        total_bytes_ == 0 ? 1 : static_cast<double>(done_bytes) / static_cast<double>(total_bytes_);
    const std::string bar(static_cast<std::size_t>(std::min(share, 1.0) * kWidth), '#');
    const std::chrono::duration<double> took = now - start_;
    std::fprintf(stderr, "\r[%-*s] %3.0f %%  %.0f MB/s ", kWidth, bar.c_str(), share * 100,
                 static_cast<double>(done_bytes) / 1e6 / took.count());
  }

 private:
  static constexpr int kWidth = 40;

  std::uint64_t total_bytes_;
  bool is_shown_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
};

Result<void> copy_bytes(penstock::ReadFile& from, penstock::AppendFile& to) {
  const Result<std::uint64_t> size = from.size();
  if (!size) return penstock::Unexpected(size.error());
  ProgressBar progress(*size);
  penstock::ReadAhead ahead(from);
  while (g_interrupted == 0) {
    const Result<std::span<const std::byte>> piece = ahead.next();
    if (!piece) return penstock::Unexpected(piece.error());
    if (piece->empty()) return to.seal();  // exact size, everything durable
    const Result<std::uint64_t> position = to.append(*piece);
    if (!position) return penstock::Unexpected(position.error());
    progress.show(to.size_bytes());
  }
  return penstock::Unexpected(penstock::Error(penstock::ErrorCode::kClosed, "interrupted"));
}

Result<void> copy_file(penstock::Engine& engine, const std::string& from, const std::string& to) {
  Result<penstock::ReadFile> source = penstock::ReadFile::open(engine, from);
  if (!source) return penstock::Unexpected(source.error());
  const std::string part = to + ".part";
  Result<penstock::AppendFile> target = penstock::AppendFile::create(engine, part);
  if (!target) return penstock::Unexpected(target.error());

  const Clock::time_point start = Clock::now();
  Result<void> copied = copy_bytes(*source, *target);
  if (copied) copied = engine.rename(part, to);
  if (!copied) {
    std::error_code ignored;  // the error that led here is the one to tell
    std::filesystem::remove(part, ignored);
    return copied;
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  const double bytes = static_cast<double>(target->size_bytes());
  std::printf("%llu bytes in %.2f s, %.0f MB/s, durable; read %s, written %s\n",
              static_cast<unsigned long long>(target->size_bytes()), took.count(),
              bytes / 1e6 / took.count(), std::string(to_string(source->mode())).c_str(),
              std::string(to_string(target->mode())).c_str());
  return {};
}

void interrupt(int) { g_interrupted = 1; }

}  // namespace

int main(int argc, char** argv) {
  const bool asks = argc == 2 && std::string_view(argv[1]) == "--help";
  if (asks || argc != 3) {
    (asks ? std::cout : std::cerr) << "usage: copy FROM TO\n";
    return asks ? 0 : 2;
  }
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);

  Result<penstock::Engine> engine = penstock::Engine::create();
  if (!engine) {
    std::cerr << "copy: " << engine.error().message() << "\n";
    return 1;
  }
  const Result<void> copied = copy_file(*engine, argv[1], argv[2]);
  if (copied) return 0;
  std::cerr << "copy: " << copied.error().message() << "\n";
  return g_interrupted != 0 ? 130 : 1;
}
