// StoredLogBuilder: segment files on a real disk, made by the log's own code, for tests that damage
// them.
//
// Every batch is one entry of its own commit or shares one, as the test says; seal() and the index are
// those of the server.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "broker/topic_table.h"
#include "catalog/rocks_catalog.h"
#include "disk/blocking_disk.h"
#include "kafka/record.h"
#include "log/commit.h"
#include "log/segment.h"
#include "task/epoll_reactor.h"
#include "task/scheduler.h"

namespace penstock::cli {

class StoredLogBuilder {
 public:
  static constexpr std::uint64_t kCapacityBytes = kMiB;
  static constexpr std::uint64_t kUsedHeaderBytes = 60;  // of the block of each copy, checksum included

  // A data directory with one topic, "orders", of one partition.
  StoredLogBuilder() : reactor_(EpollReactor::create().value()), scheduler_(clock_, *reactor_) {
    std::filesystem::create_directories(partition_directory());
    write_text(topic_file(), R"({"format":1,"name":"orders","id":"000102030405060708090a0b0c0d0e0f",)"
                             R"("partitions":1,"leader_epoch":0,"created_ms":1700000000000})");
  }

  std::string data_directory() const { return directory_.path(); }
  std::string topic_directory() const { return directory_ / "topics/orders"; }
  std::string topic_file() const { return topic_directory() + "/topic.json"; }
  std::string catalog_directory() const { return directory_ / "catalog"; }
  // What topic_file() describes.
  static broker::Topic topic() {
    broker::Topic topic;
    topic.name = "orders";
    topic.partition_count = 1;
    for (std::size_t i = 0; i < topic.id.bytes.size(); ++i)
      topic.id.bytes[i] = static_cast<std::byte>(i);
    return topic;
  }
  void write_catalog(const catalog::Entry& entry) {
    std::filesystem::create_directories(catalog_directory());
    const auto catalog = must(catalog::RocksCatalog::open(catalog_directory()));
    catalog::Change change;
    change.put(entry.key, entry.value);
    must(run(catalog->write(scheduler_, std::move(change))));
    catalog->finish();
  }
  std::string partition_directory() const { return topic_directory() + "/0"; }
  std::string segment_file(std::uint64_t number = 1) const {
    return partition_directory() + "/" + log::segment_file_name(number);
  }
  std::string index_file(std::uint64_t number = 1) const {
    return partition_directory() + "/" + log::index_file_name(number);
  }

  // Begins a segment whose first entry will have the offset that the log has come to.
  void begin_segment(std::uint64_t number = 1) {
    segment_ = std::make_shared<log::Segment>();
    segment_->header.number = number;
    segment_->header.salt = 0x5A17 + number;
    segment_->header.created_ms = 1'700'000'000'000;
    for (std::size_t i = 0; i < segment_->header.topic_id.size(); ++i) {
      segment_->header.topic_id[i] = static_cast<std::byte>(i);
    }
    segment_->directory = partition_directory();
    segment_->capacity_bytes = kCapacityBytes;
    OpenOptions options;
    options.write = true;
    options.create = true;
    segment_->file = must(run(disk_.open(segment_->path(), options)));
    must(run(segment_->file->allocate(kCapacityBytes)));
    AlignedBuffer headers(log::kFirstCommit.value);
    for (const FilePosition copy : log::kHeaderCopies) {
      segment_->header.encode(headers.span().subspan(copy.value));
    }
    must(run(segment_->file->write(FilePosition{0}, std::move(headers).freeze(log::kFirstCommit.value),
                                   Durability::kDevice)));
    write_position_ = log::kFirstCommit;
    positions_.clear();
    ends_.clear();
  }

  struct CommitOptions {
    std::size_t batches = 1;
    std::int32_t records_per_batch = 2;
    std::size_t value_bytes = 100;
    // Offsets that are left out before the commit, as if a file were missing.
    std::int64_t skipped_offsets = 0;
    // Whether what was committed before is said to have been durable.
    bool acknowledges = true;
    // Said instead of that: entries of a rewritten segment vouch for what is behind them.
    std::optional<Offset> durable_end{};
  };

  void commit() { commit(CommitOptions{}); }
  void commit(const CommitOptions& options) {
    next_offset_ = next_offset_ + options.skipped_offsets;
    log::Commit commit(scheduler_);
    for (std::size_t i = 0; i < options.batches; ++i) {
      const std::vector<std::byte> batch = make_batch(options);
      auto header = log::BatchHeader::parse(batch).value();
      header.base_offset = next_offset_;
      next_offset_ = header.next_offset();
      commit.add(batch, header);
    }
    const Offset before = options.acknowledges ? commit.base_offset() : Offset{0};
    const Offset durable_end = options.durable_end.value_or(before);
    const SharedSlice& bytes =
        commit.lay_out(segment_->header.salt, write_position_, ++sequence_, durable_end);
    must(run(segment_->file->write(write_position_, bytes, Durability::kDevice)));
    for (const auto& placed : commit.batches()) {
      const FilePosition position = write_position_ + placed.entry_at;
      positions_.push_back(position);
      ends_.push_back(position + log::kEntryHeaderBytes + placed.header.total_bytes);
      segment_->note(placed.header, position, log::kEntryHeaderBytes + placed.header.total_bytes);
    }
    write_position_ = write_position_ + commit.device_bytes();
  }

  void seal() { must(run(log::seal(disk_, *segment_, log::SealCut::kToData))); }

  // Three commits of two records each, sealed: offsets 0 to 5, and more for every further segment.
  void add_sealed_segment(std::uint64_t number = 1) {
    begin_segment(number);
    for (int i = 0; i < 3; ++i) commit();
    seal();
  }

  const log::Segment& segment() const { return *segment_; }
  // Where the entries of the segment that was begun last are.
  const std::vector<FilePosition>& entry_positions() const { return positions_; }

  bool is_padding(FilePosition position) const {
    if (position < log::kFirstCommit) return position.value % kBlockBytes >= kUsedHeaderBytes;
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      if (positions_[i] <= position && position < ends_[i]) return false;
    }
    return true;
  }

  // --- Damage ---

  static void flip_byte(const std::string& path, FilePosition at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at.value));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at.value));
    file.put(static_cast<char>(byte ^ 0x40));
  }
  static void zero_bytes(const std::string& path, FilePosition from, std::uint64_t count_bytes) {
    overwrite(path, from, std::vector<std::byte>(count_bytes));
  }
  static void overwrite(const std::string& path, FilePosition from, ByteView bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from.value));
    file.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  }
  static void write_text(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static void write_bytes(const std::string& path, ByteView bytes) { write_text(path, as_text(bytes)); }

 private:
  template <typename T>
  static T must(Result<T> result) {
    PENSTOCK_ASSERT(result.has_value(), "the test cannot write its log");
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  template <typename T>
  T run(Task<T> task) {
    return scheduler_.run(std::move(task));
  }

  static std::vector<std::byte> make_batch(const CommitOptions& options) {
    kafka::RecordBatchBuilder builder;
    const std::string value(options.value_bytes, 'v');
    for (std::int32_t i = 0; i < options.records_per_batch; ++i) {
      builder.add(
          {.timestamp_ms = 1'700'000'000'000 + i, .key = as_bytes("key"), .value = as_bytes(value)});
    }
    return std::move(builder).build();
  }

  TempDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
  BlockingDisk disk_{IoMode::kBuffered};
  log::SegmentRef segment_;
  FilePosition write_position_;
  std::uint64_t sequence_ = 0;
  Offset next_offset_;
  std::vector<FilePosition> positions_;
  std::vector<FilePosition> ends_;
};

}  // namespace penstock::cli
