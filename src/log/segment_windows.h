// Windows: where a SegmentScanner gets the bytes of its file from.
//
// FileWindows reads one window when it is needed: for a look at one place, and for tools that read
// alone. AheadWindows has the next windows on their way while one is being used: for whoever reads on.
//
// Ownership: FileWindows borrows its file, AheadWindows shares it with its reads in flight; what they
// hand out outlives both. Threading: one caller at a time, on the disk's scheduler thread. Durability:
// none of its business, and nothing in a window has been verified.
#pragma once

#include "disk/disk.h"
#include "file/read_ahead.h"

namespace penstock::log {

class SegmentSource;

class Windows {
 public:
  virtual ~Windows() = default;

  // What there is at `from`, which lies in front of `end`: at least one byte unless the file ends, and
  // not always `wanted_bytes`. Nothing behind the block of `end` is read. Errors: the device's.
  virtual Task<Result<SharedSlice>> next(FilePosition from, std::uint64_t wanted_bytes,
                                         FilePosition end) = 0;
};

class FileWindows final : public Windows {
 public:
  // `window_bytes` is read at a time, more only when more is wanted.
  FileWindows(File& file, std::uint64_t window_bytes)
      : file_(file), window_bytes_(align_up(std::max(window_bytes, kBlockBytes), kBlockBytes)) {}
  // The device is not asked for what is not wanted as long as there is something in memory.
  FileWindows(SegmentSource& source, std::uint64_t window_bytes);

  Task<Result<SharedSlice>> next(FilePosition from, std::uint64_t wanted_bytes,
                                 FilePosition end) override;

 private:
  std::uint64_t window_length(FilePosition start, std::uint64_t wanted, std::uint64_t left) const;

  File& file_;
  const SegmentSource* source_ = nullptr;  // file_, when that is one
  std::uint64_t window_bytes_;
  SharedSlice window_;
  FilePosition window_start_;
};

class AheadWindows final : public Windows {
 public:
  // At most this is held at a time: a window in use, one that is being passed, two on their way, and
  // two spare ones. prepare() starts one.
  static constexpr std::uint64_t kWindowBytes = 512 * kKiB;
  static constexpr std::uint64_t kMemoryBytes = 6 * kWindowBytes;

  enum class Start {
    kTry,     // small windows that grow: whether the reader goes on is not known yet
    kReadOn,  // it does
  };

  AheadWindows(Scheduler& scheduler, std::shared_ptr<File> file, Start start);

  // Has the first window on its way, before the first next(), which is going to be for `from`.
  void prepare(FilePosition from, FilePosition end);

  Task<Result<SharedSlice>> next(FilePosition from, std::uint64_t wanted_bytes,
                                 FilePosition end) override;

 private:
  file::ReadAhead ahead_;
};

}  // namespace penstock::log
