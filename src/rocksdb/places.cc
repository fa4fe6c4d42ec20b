#include "rocksdb/places.h"

#include "rocksdb/database_names.h"

namespace penstock::rocksdb {

void Places::NoReactor::poll(Duration /*max_wait*/) {
  PENSTOCK_ASSERT(false, "something waits for a blocking disk");
}

Result<Disk*> Places::disk_for(const std::string& path) {
  const std::string directory = directory_of(path);
  const std::lock_guard lock(mutex_);
  auto known = known_.find(directory);
  if (known == known_.end() || known->second.is_for_now) {
    Result<ChosenMode> found = find_mode(directory);
    // A full disk has no room to try anything: through the page cache, until the next file.
    const bool is_full = !found && found.error().code() == ErrorCode::kNoSpace;
    if (is_full && requested_ == RequestedIoMode::kAuto)
      found = ChosenMode{.mode = IoMode::kBuffered, .reason = found.error().message()};
    if (!found) return Unexpected(found.error());
    const bool is_told = is_full && known != known_.end() && known->second.is_told;
    if (known_.size() >= kMaxDirectories) known_.clear();
    Known anew{.chosen = std::move(*found), .is_told = is_told, .is_for_now = is_full};
    known = known_.insert_or_assign(directory, std::move(anew)).first;
  }
  const ChosenMode& chosen = known->second.chosen;
  // The LOG itself is where it is said.
  if (kind_of(path) != FileKind::kInfoLog && !std::exchange(known->second.is_told, true)) {
    reports_.say(directory, fmt::format("{} I/O: {}", to_string(chosen.mode), chosen.reason));
    if (!remark_.empty()) reports_.say(directory, remark_);
  }
  return &disk(chosen.mode);
}

void Places::tell_again(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(directory); known != known_.end()) known->second.is_told = false;
}

Result<ChosenMode> Places::find_mode(const std::string& directory) const {
  const Result<ProbeReport> report = probe(directory, {.look_only_if_denied = true});
  if (!report) return Unexpected(report.error());
  Result<ChosenMode> chosen = choose_io_mode(*report, requested_);
  // Where nothing may be written nothing can be tried: then through the page cache, which always works.
  const bool is_denied = !chosen && chosen.error().code() == ErrorCode::kPermission;
  if (is_denied && requested_ == RequestedIoMode::kAuto)
    return ChosenMode{.mode = IoMode::kBuffered, .reason = chosen.error().message()};
  return chosen;
}

}  // namespace penstock::rocksdb
