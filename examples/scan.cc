// scan: counts the lines and bytes of a file, at the speed of the device and without touching the page
// cache.
//
//     scan FILE [--mode auto|direct|uncached|buffered]

#include <penstock/penstock.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kUsage = "usage: scan FILE [--mode auto|direct|uncached|buffered]\n";

int complain(std::string_view what) {
  std::cerr << "scan: " << what << "\n";
  return 1;
}

int scan(penstock::Engine& engine, const std::string& path, penstock::RequestedIoMode mode) {
  penstock::Result<penstock::ReadFile> file = penstock::ReadFile::open(engine, path, {.mode = mode});
  if (!file) return complain(file.error().message());

  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  penstock::ReadAhead ahead(*file);
  while (true) {
    const penstock::Result<std::span<const std::byte>> piece = ahead.next();
    if (!piece) return complain(piece.error().message());
    if (piece->empty()) break;
    lines += static_cast<std::uint64_t>(std::count(piece->begin(), piece->end(), std::byte{'\n'}));
    bytes += piece->size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;

  std::cout << lines << " lines, " << bytes << " bytes\n";
  std::fprintf(stderr, "%.0f MB/s, I/O mode %s (%s), %s\n",
               static_cast<double>(bytes) / 1e6 / took.count(),
               std::string(penstock::to_string(file->mode())).c_str(), file->mode_reason().c_str(),
               engine.uses_io_uring() ? "io_uring" : engine.io_uring_reason().c_str());
  return std::cout.flush() ? 0 : complain("cannot write to standard output");
}

int wrong_usage(std::string_view what) {
  std::cerr << "scan: " << what << "\n" << kUsage;
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::cout << kUsage;
    return 0;
  }
  penstock::RequestedIoMode mode = penstock::RequestedIoMode::kAuto;
  if (argc == 4 && std::string_view(argv[2]) == "--mode") {
    const penstock::Result<penstock::RequestedIoMode> parsed = penstock::parse_io_mode(argv[3]);
    if (!parsed) return wrong_usage(parsed.error().message());
    mode = *parsed;
  } else if (argc != 2) {
    return wrong_usage("which file?");
  }
  penstock::Result<penstock::Engine> engine = penstock::Engine::create();
  if (!engine) return complain(engine.error().message());
  return scan(*engine, argv[1], mode);
}
