// SegmentSource: a segment's file as consumers of old data read it.
//
// What is in the shard's SegmentCache comes from memory, the rest from the device at the shard's
// ReadPace. A File, so that whatever reads files reads through it.
//
// Ownership: keeps the segment, its file and its place behind the gate for as long as it is; pace and
// cache must outlive it. Threading: the shard's scheduler, any number of reads at a time. Durability:
// reads only (the rest fails with kNotSupported); who reads verifies.
#pragma once

#include <memory>

#include "log/read_pace.h"
#include "log/segment_cache.h"

namespace penstock::log {

class SegmentSource final : public File {
 public:
  // `gate` is the one that `hold` is of: reads end soon after it has been closed. Without a cache
  // everything is read from the device.
  SegmentSource(SegmentRef segment, Gate& gate, Gate::Hold hold, ReadPace& pace, SegmentCache* cache)
      : File(segment->file->path()),
        segment_(std::move(segment)),
        file_(segment_->file),
        gate_(gate),
        hold_(std::move(hold)),
        pace_(pace),
        cache_(cache) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override;

  // How many bytes at `from`, at most `at_most`, would be read without the device.
  std::uint64_t cached_bytes(FilePosition from, std::uint64_t at_most) const {
    return cache_ == nullptr ? 0 : cache_->cached_bytes(*segment_, from, at_most);
  }

  Task<Result<void>> write(FilePosition, SharedSlice, Durability) override { return refuse(); }
  Task<Result<void>> sync(SyncScope) override { return refuse(); }
  Task<Result<void>> allocate(std::uint64_t) override { return refuse(); }
  Task<Result<void>> truncate(std::uint64_t) override { return refuse(); }
  Task<Result<std::uint64_t>> size() override { return file_->size(); }

 private:
  Task<Result<void>> refuse();

  SegmentRef segment_;
  std::shared_ptr<File> file_;
  Gate& gate_;
  Gate::Hold hold_;
  ReadPace& pace_;
  SegmentCache* cache_;
};

}  // namespace penstock::log
