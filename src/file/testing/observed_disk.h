// ObservedDisk: a Disk that passes everything on to another one, and remembers every read.
//
// For tests of what is asked of the device: where, how much, into whose memory, how many at a time.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "disk/disk.h"

namespace penstock::file {

struct ObservedRead {
  std::uint64_t from = 0;
  std::uint64_t length_bytes = 0;
  const std::byte* address = nullptr;

  friend bool operator==(const ObservedRead&, const ObservedRead&) = default;
};

struct ReadLog {
  std::vector<ObservedRead> reads;
  std::size_t in_flight = 0;
  std::size_t most_in_flight = 0;

  void start(ObservedRead read) {
    reads.push_back(read);
    most_in_flight = std::max(most_in_flight, ++in_flight);
  }
  void end() { --in_flight; }

  // [from, to) of each read, in KiB.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_kib() const {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const ObservedRead& read : reads) {
      ranges.emplace_back(read.from / kKiB, (read.from + read.length_bytes) / kKiB);
    }
    return ranges;
  }
};

class ObservedFile final : public File {
 public:
  ObservedFile(std::unique_ptr<File> file, ReadLog& log)
      : File(file->path()), file_(std::move(file)), log_(log) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override {
    log_.start({from.value, length_bytes, buffer.data()});
    auto result = co_await file_->read(from, std::move(buffer), length_bytes);
    log_.end();
    co_return result;
  }
  Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) override {
    return file_->write(to, std::move(data), durability);
  }
  Task<Result<void>> sync(SyncScope scope) override { return file_->sync(scope); }
  Task<Result<void>> allocate(std::uint64_t size_bytes) override { return file_->allocate(size_bytes); }
  Task<Result<void>> truncate(std::uint64_t size_bytes) override { return file_->truncate(size_bytes); }
  Task<Result<std::uint64_t>> size() override { return file_->size(); }

 private:
  std::unique_ptr<File> file_;
  ReadLog& log_;
};

class ObservedDisk final : public Disk {
 public:
  explicit ObservedDisk(Disk& disk) : disk_(disk) {}

  ReadLog& log() { return log_; }

  IoMode mode() const override { return disk_.mode(); }
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override {
    auto file = co_await disk_.open(std::move(path), options);
    if (!file) co_return Unexpected(file.error());
    co_return std::make_unique<ObservedFile>(std::move(*file), log_);
  }
  Task<Result<std::unique_ptr<SharedMemory>>> create_shared(std::string path,
                                                            std::uint64_t size_bytes) override {
    return disk_.create_shared(std::move(path), size_bytes);
  }
  Task<Result<void>> rename(std::string from, std::string to) override {
    return disk_.rename(std::move(from), std::move(to));
  }
  Task<Result<void>> remove(std::string path) override { return disk_.remove(std::move(path)); }
  Task<Result<void>> remove_directory(std::string path) override {
    return disk_.remove_directory(std::move(path));
  }
  Task<Result<void>> make_directory(std::string path) override {
    return disk_.make_directory(std::move(path));
  }
  Task<Result<void>> sync_directory(std::string path) override {
    return disk_.sync_directory(std::move(path));
  }
  Task<Result<std::vector<std::string>>> list(std::string path) override {
    return disk_.list(std::move(path));
  }
  Task<Result<FileInfo>> info(std::string path) override { return disk_.info(std::move(path)); }
  Task<Result<SpaceInfo>> space(std::string path) override { return disk_.space(std::move(path)); }

 private:
  Disk& disk_;
  ReadLog log_;
};

}  // namespace penstock::file
