// SegmentBytes: a segment file built by hand, for tests of what recovery and readers make of it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "log/commit.h"
#include "log/format.h"
#include "log/testing/log_machine.h"

namespace penstock::log::testing {

class SegmentBytes {
 public:
  SegmentBytes(Scheduler& scheduler, SegmentHeader header, std::uint64_t size_bytes)
      : scheduler_(scheduler), header_(header), bytes_(size_bytes) {
    for (const FilePosition copy : kHeaderCopies) header_.encode(bytes().subspan(copy.value));
  }

  struct Added {
    FilePosition position;  // of the commit
    std::vector<FilePosition> entries;
    FilePosition end;  // of the last entry
  };

  // Lays out one commit behind the last one. Each batch takes one offset, from `base` on; its seed is
  // its offset.
  Added add_commit(Offset base, std::size_t batch_count, Offset durable_end, BatchShape shape = {}) {
    Commit commit(scheduler_);
    for (std::size_t i = 0; i < batch_count; ++i) {
      const Offset offset = base + static_cast<std::int64_t>(i);
      const auto batch = stored_batch(static_cast<std::uint64_t>(offset.value), offset, shape);
      commit.add(batch, *BatchHeader::parse(batch));
    }
    const SharedSlice& laid_out = commit.lay_out(header_.salt, end_, ++sequence_, durable_end);
    std::memcpy(bytes_.data() + end_.value, laid_out.data(), laid_out.size());
    Added added{end_, {}, {}};
    for (const Commit::PlacedBatch& batch : commit.batches()) {
      added.entries.push_back(end_ + batch.entry_at);
      added.end = added.entries.back() + kEntryHeaderBytes + batch.header.total_bytes;
    }
    end_ = end_ + laid_out.size();
    return added;
  }

  void zero(FilePosition from, std::uint64_t size_bytes) {
    std::memset(bytes_.data() + from.value, 0, size_bytes);
  }
  void flip_bit(FilePosition at, unsigned bit = 0) {
    bytes_[at.value] ^= static_cast<std::byte>(1U << bit);
  }
  MutableBytes bytes() { return bytes_; }
  FilePosition end() const { return end_; }

  // Puts it on the disk, durably.
  void write_to(SimMachine& machine, const std::string& path) const {
    const auto written = machine.scheduler.run(write(machine.disk, path));
    ASSERT_TRUE(written) << written.error().message();
  }

 private:
  Task<Result<void>> write(Disk& disk, std::string path) const {
    OpenOptions options;
    options.write = true;
    options.create = true;
    auto file = co_await disk.open(path, options);
    if (!file) co_return Unexpected(file.error());
    AlignedBuffer buffer(bytes_.size());
    std::memcpy(buffer.data(), bytes_.data(), bytes_.size());
    const std::size_t size_bytes = bytes_.size();
    SharedSlice data = std::move(buffer).freeze(size_bytes);
    if (auto written = co_await (*file)->write(FilePosition{0}, data, Durability::kDevice); !written) {
      co_return written;
    }
    if (auto synced = co_await (*file)->sync(SyncScope::kAll); !synced) co_return synced;
    co_return co_await disk.sync_directory(path.substr(0, path.rfind('/')));
  }

  Scheduler& scheduler_;
  SegmentHeader header_;
  std::vector<std::byte> bytes_;
  FilePosition end_ = kFirstCommit;
  std::uint64_t sequence_ = 0;
};

// The header of the test partition's segment `number`.
inline SegmentHeader segment_header(std::uint64_t number, Salt salt = 0x5A17) {
  SegmentHeader header;
  header.topic_id = partition_id().topic_id;
  header.partition = partition_id().index;
  header.number = number;
  header.salt = salt;
  header.created_ms = SimMachine::kFirstWallMs;
  return header;
}

}  // namespace penstock::log::testing
