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
    Result<Known> found = look_at(directory);
    if (!found) return Unexpected(found.error());
    // Until it changes it is said once.
    found->is_told = found->is_for_now && known != known_.end() && known->second.is_told;
    if (known_.size() >= kMaxDirectories) known_.clear();
    known = known_.insert_or_assign(directory, std::move(*found)).first;
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
  Result<Known> found = look_at(directory);
  if (!found) return Unexpected(found.error());
  return std::move(found->chosen);
}

Result<Places::Known> Places::look_at(const std::string& directory) const {
  const Result<ProbeReport> report = probe(directory, {.look_only_if_denied = true});
  Result<ChosenMode> chosen = report ? choose_io_mode(*report, requested_) : Unexpected(report.error());
  if (chosen) return Known{.chosen = std::move(*chosen)};
  // Where nothing may be written, or a full disk has no room for it, nothing can be tried: then through
  // the page cache, which always works. A full disk is looked at again for the next file.
  const ErrorCode why = chosen.error().code();
  const bool is_full = why == ErrorCode::kNoSpace;
  const bool is_untried = is_full || (report && why == ErrorCode::kPermission);
  if (!is_untried || requested_ != RequestedIoMode::kAuto) return Unexpected(chosen.error());
  return Known{.chosen = {.mode = IoMode::kBuffered, .reason = chosen.error().message()},
               .is_for_now = is_full};
}

}  // namespace penstock::rocksdb
