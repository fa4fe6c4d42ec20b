#include "disk/read_rings.h"

namespace penstock {

namespace {

// Of one ring; more reads than that at once cost a system call more.
constexpr unsigned kSubmissionEntries = 64;
constexpr unsigned kCompletionEntries = 512;

}  // namespace

ReadRings::Ring::Ring(std::unique_ptr<UringReactor> reactor, WorkerPool& pool)
    : reactor_(std::move(reactor)),
      scheduler_(clock_, *reactor_),
      disks_{UringDisk(IoMode::kDirect, scheduler_, *reactor_, pool),
             UringDisk(IoMode::kUncached, scheduler_, *reactor_, pool),
             UringDisk(IoMode::kBuffered, scheduler_, *reactor_, pool)} {}

std::unique_ptr<File> ReadRings::Ring::share(const DescriptorFile& file) {
  return disks_[static_cast<std::size_t>(file.ref().mode)].share(file);
}

ReadRings::Lease ReadRings::lend(bool to_keep) {
  const std::lock_guard lock(mutex_);
  if (to_keep && kept_count_ == kMaxKept) return {};
  std::unique_ptr<Ring> ring = take_ring();
  if (ring == nullptr) return {};
  if (to_keep) ++kept_count_;
  return {ring.release(), GiveBack{.rings = this, .was_kept = to_keep}};
}

std::unique_ptr<ReadRings::Ring> ReadRings::take_ring() {
  if (!idle_.empty()) {
    std::unique_ptr<Ring> ring = std::move(idle_.back());
    idle_.pop_back();
    return ring;
  }
  if (made_count_ == kMaxRings || refusal_) return nullptr;
  UringOptions options;
  options.submission_entries = kSubmissionEntries;
  options.completion_entries = kCompletionEntries;
  options.changes_threads = true;
  Result<std::unique_ptr<UringReactor>> reactor = UringReactor::create(options);
  if (!reactor) {
    // Too many open files may pass; what is denied or missing stays so.
    const ErrorCode code = reactor.error().code();
    if (code == ErrorCode::kPermission || code == ErrorCode::kNotSupported) refusal_ = reactor.error();
    return nullptr;
  }
  ++made_count_;
  return std::make_unique<Ring>(std::move(*reactor), pool_);
}

std::optional<Error> ReadRings::refusal() {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

void ReadRings::give_back(Ring* ring, bool was_kept) {
  PENSTOCK_ASSERT(ring->is_idle(), "a ring was given back with reads in flight");
  std::unique_ptr<Ring> own(ring);
  const std::lock_guard lock(mutex_);
  if (was_kept) --kept_count_;
  idle_.push_back(std::move(own));
}

}  // namespace penstock
