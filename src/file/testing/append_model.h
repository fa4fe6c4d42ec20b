// AppendModel: an AppendFile beside the bytes that it should hold.
//
// Every call is made on both. After each one, and after a crash, the model says what the device may
// hold: what was durable, exactly; behind it bytes that were appended, or zeros; never anything else,
// such as bytes that were cut off at an open() before. What is not so is kept as complaint().
//
// Bytes depend on their position and on how many opens came before them, and are never zero, so that
// bytes at the wrong place, stale bytes and padding all show.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "disk/sim_disk.h"
#include "file/append_file.h"

namespace penstock::file {

inline std::byte append_model_byte(std::uint64_t position, unsigned generation) {
  return static_cast<std::byte>((position * 166 + position / kSectorBytes * 58 + generation * 102) | 1);
}

class AppendModel {
 public:
  AppendModel(std::string path, AppendOptions options) : path_(std::move(path)), options_(options) {}

  // The machine that the next calls run on.
  void use(Scheduler& scheduler, Disk& disk) {
    scheduler_ = &scheduler;
    disk_ = &disk;
  }

  Result<void> create();
  Result<void> append(std::size_t size_bytes);
  Result<void> flush();
  Result<void> sync();
  Result<void> seal();
  // Opens it again, behind `end`.
  Result<void> open(std::optional<std::uint64_t> end);
  // As if the process forgot about it; what is in flight goes on.
  void drop() { file_.reset(); }

  const std::string& path() const { return path_; }
  AppendFile& file() { return *file_; }
  // What was acknowledged: appended, taken by the device, durable.
  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t written_bytes() const { return written_bytes_; }
  std::uint64_t durable_bytes() const { return durable_bytes_; }
  // What should be at [0, size_bytes()).
  ByteView bytes() const { return ByteView(bytes_).first(size_bytes_); }

  // What the device holds now, read past AppendFile.
  Result<std::vector<std::byte>> read_back();
  // Checks that everything appended is on the device, and nothing but zeros behind it. To be called
  // after flush or sync. Fails only if the device cannot be read.
  Result<void> check_device();
  // To be called after a crash, on the next machine: checks that what must be there is, and that
  // nothing else is. Returns where a format that can tell its own bytes would say that they end;
  // nothing when there is no file.
  std::optional<std::uint64_t> check_survivors(SimCrash how);

  // The first thing that was not as it should be; empty if there was none.
  const std::string& complaint() const { return complaint_; }

 private:
  template <typename T>
  T run(Task<T> task) {
    return scheduler_->run(std::move(task));
  }
  template <typename... Args>
  void expect(bool is_so, fmt::format_string<Args...> otherwise, Args&&... args) {
    if (is_so || !complaint_.empty()) return;
    complaint_ = fmt::format(otherwise, std::forward<Args>(args)...);
  }
  void expect_sizes();
  bool may_be_at(std::uint64_t position, std::byte found) const;
  std::uint64_t matching_bytes(ByteView found) const;

  std::string path_;
  AppendOptions options_;
  Scheduler* scheduler_ = nullptr;
  Disk* disk_ = nullptr;
  std::optional<AppendFile> file_;

  bool was_created_ = false;
  bool is_exact_ = false;  // sealed or opened, and nothing appended since
  unsigned generation_ = 0;
  std::vector<std::byte> bytes_;     // with those of an append that failed, which may be there too
  std::vector<std::byte> replaced_;  // what was there before an open() that has not returned
  std::uint64_t size_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t durable_bytes_ = 0;
  std::string complaint_;
};

inline Result<void> AppendModel::create() {
  auto created = run(AppendFile::create(*scheduler_, *disk_, path_, options_));
  if (!created) return Unexpected(created.error());
  file_.emplace(std::move(*created));
  was_created_ = true;
  expect_sizes();
  return {};
}

inline Result<void> AppendModel::append(std::size_t size_bytes) {
  bytes_.resize(size_bytes_ + size_bytes);
  for (std::uint64_t i = size_bytes_; i < bytes_.size(); ++i) {
    bytes_[i] = append_model_byte(i, generation_);
  }
  if (size_bytes > 0) is_exact_ = false;
  // Out of memory that is whole blocks or not, and is gone right after the call.
  const std::size_t skew_bytes = size_bytes % 2;
  AlignedBuffer memory(size_bytes + skew_bytes);
  const MutableBytes copy = memory.span().subspan(skew_bytes, size_bytes);
  std::ranges::copy(ByteView(bytes_).subspan(size_bytes_), copy.begin());
  const auto at = run(file_->append(copy));
  if (at) {
    expect(at->value == size_bytes_, "appended at {} instead of {}", *at, size_bytes_);
    size_bytes_ += size_bytes;
  }
  expect_sizes();
  if (!at) return Unexpected(at.error());
  return {};
}

inline Result<void> AppendModel::flush() {
  Result<void> flushed = run(file_->flush());
  if (flushed) written_bytes_ = size_bytes_;
  expect_sizes();
  return flushed;
}

inline Result<void> AppendModel::sync() {
  Result<void> synced = run(file_->sync());
  if (synced) written_bytes_ = durable_bytes_ = size_bytes_;
  expect_sizes();
  return synced;
}

inline Result<void> AppendModel::seal() {
  Result<void> sealed = run(file_->seal());
  if (sealed) written_bytes_ = durable_bytes_ = size_bytes_;
  if (sealed) is_exact_ = true;
  expect_sizes();
  return sealed;
}

inline Result<void> AppendModel::open(std::optional<std::uint64_t> end) {
  if (file_) run(file_->close());
  drop();
  const std::uint64_t wanted = end.value_or(size_bytes_);
  if (wanted != size_bytes_) is_exact_ = false;
  // An open() that died on the way has replaced nothing, or all.
  if (replaced_.empty()) replaced_ = bytes_;
  bytes_.resize(std::min<std::uint64_t>(wanted, bytes_.size()));
  size_bytes_ = bytes_.size();
  durable_bytes_ = std::min(durable_bytes_, size_bytes_);
  written_bytes_ = std::min(written_bytes_, size_bytes_);
  ++generation_;
  AppendOpen how;
  how.end = end;
  how.options = options_;
  auto opened = run(AppendFile::open(*scheduler_, *disk_, path_, how));
  if (!opened) return Unexpected(opened.error());
  file_.emplace(std::move(*opened));
  was_created_ = true;
  replaced_.clear();
  is_exact_ = true;
  written_bytes_ = durable_bytes_ = size_bytes_;
  expect_sizes();
  return {};
}

inline Result<std::vector<std::byte>> AppendModel::read_back() {
  const OpenOptions how;
  const auto file = run(disk_->open(path_, how));
  if (!file) return Unexpected(file.error());
  const auto size_bytes = run((*file)->size());
  if (!size_bytes) return Unexpected(size_bytes.error());
  std::vector<std::byte> found;
  if (*size_bytes == 0) return found;
  AlignedBuffer buffer(*size_bytes);
  const std::size_t length = buffer.capacity();
  const auto read = run((*file)->read(FilePosition{0}, std::move(buffer), length));
  if (!read) return Unexpected(read.error());
  const ByteView bytes = read->buffer.view().first(read->size_bytes);
  expect(bytes.size() == *size_bytes, "{} of {} bytes could be read", bytes.size(), *size_bytes);
  found.assign(bytes.begin(), bytes.end());
  return found;
}

inline Result<void> AppendModel::check_device() {
  const auto found = read_back();
  if (!found) return Unexpected(found.error());
  const std::uint64_t matching = matching_bytes(*found);
  expect(matching >= size_bytes_, "the byte at {} of {} is wrong", matching, size_bytes_);
  const auto behind = std::find_if(found->begin() + static_cast<std::ptrdiff_t>(matching), found->end(),
                                   [](std::byte byte) { return byte != std::byte{0}; });
  expect(behind == found->end(), "something follows the end at {}: at {}", size_bytes_,
         behind - found->begin());
  expect(!is_exact_ || found->size() == size_bytes_, "it has {} bytes, not its exact size {}",
         found->size(), size_bytes_);
  return {};
}

inline std::optional<std::uint64_t> AppendModel::check_survivors(SimCrash how) {
  if (!run(disk_->info(path_))) {
    expect(!was_created_, "the name of a file that had one is gone");
    return std::nullopt;
  }
  const auto found = read_back();
  expect(found.has_value(), "it cannot be read");
  if (!found) return std::nullopt;
  const std::uint64_t kept_bytes = how == SimCrash::kKill ? written_bytes_ : durable_bytes_;
  const std::uint64_t end = matching_bytes(*found);
  expect(end >= kept_bytes, "the byte at {} is lost, though {} were acknowledged", end, kept_bytes);
  for (std::uint64_t i = end; i < found->size(); ++i) {
    expect(may_be_at(i, (*found)[i]), "at {} is a byte that was never appended there", i);
  }
  expect(!is_exact_ || !replaced_.empty() || found->size() == size_bytes_,
         "it has {} bytes, not its exact size {}", found->size(), size_bytes_);
  return end;
}

inline void AppendModel::expect_sizes() {
  expect(file_->size_bytes() == size_bytes_, "it says that {} bytes were appended, not {}",
         file_->size_bytes(), size_bytes_);
  expect(file_->durable_bytes() == durable_bytes_, "it says that {} bytes are durable, not {}",
         file_->durable_bytes(), durable_bytes_);
}

inline bool AppendModel::may_be_at(std::uint64_t position, std::byte found) const {
  return found == std::byte{0} || (position < bytes_.size() && found == bytes_[position]) ||
         (position < replaced_.size() && found == replaced_[position]);
}

inline std::uint64_t AppendModel::matching_bytes(ByteView found) const {
  // A comparison of whole memory first: in most calls all is well, and files are large.
  const std::size_t common = std::min(found.size(), bytes_.size());
  if (std::ranges::equal(found.first(common), ByteView(bytes_).first(common))) return common;
  const auto [at, _] = std::ranges::mismatch(found, bytes_);
  return static_cast<std::uint64_t>(at - found.begin());
}

}  // namespace penstock::file
