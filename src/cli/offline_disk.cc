#include "cli/offline_disk.h"

#include "file/small_file.h"

namespace penstock::cli {

Result<std::unique_ptr<OfflineDisk>> OfflineDisk::create() {
  auto reactor = EpollReactor::create();
  if (!reactor) return Unexpected(reactor.error());
  return std::unique_ptr<OfflineDisk>(new OfflineDisk(std::move(*reactor)));
}

Result<std::unique_ptr<File>> OfflineDisk::open(const std::string& path) {
  return open(path, OpenOptions{});
}

Result<std::unique_ptr<File>> OfflineDisk::open_to_write(const std::string& path) {
  OpenOptions options;
  options.write = true;
  return open(path, options);
}

Result<std::unique_ptr<File>> OfflineDisk::open(const std::string& path, OpenOptions options) {
  auto file = run(direct_.open(path, options));
  if (file || file.error().code() != ErrorCode::kNotSupported) return file;
  return run(buffered_.open(path, options));
}

Result<log::ScanResult> OfflineDisk::scan(log::Segment& segment) {
  return run(log::scan_segment(scheduler_, segment, log::SegmentScan()));
}

Result<void> OfflineDisk::seal(log::Segment& segment) {
  return run(log::seal(buffered_, segment, log::SealCut::kToData));
}

Result<std::vector<std::byte>> OfflineDisk::read_small_file(const std::string& path) {
  return run(file::read_small_file(buffered_, path));
}

bool OfflineDisk::is_directory(const std::string& path) {
  const auto found = info(path);
  return found && found->is_directory;
}

bool OfflineDisk::is_file(const std::string& path) {
  const auto found = info(path);
  return found && !found->is_directory;
}

}  // namespace penstock::cli
