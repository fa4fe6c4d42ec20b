// SegmentRewrite: a sealed segment's entries, written anew without the padding between their commits.
//
// A message that came alone takes a block. Here it moves to where the one before it ends: same number,
// same offsets, same batches byte for byte; new places, so new entry headers under a new salt. Nothing
// is used before it has been verified: not what is read from the source, nor what was written, which is
// read back through the file. (That is from the device when the disk's mode is direct, and from the
// page cache otherwise.)
//
// Ownership: shares the source; disk, scheduler and paces must outlive it. Its file stays when it is
// destroyed; who does not rename it calls discard(). Threading: the partition's shard. Durability: the
// file is durable when run() has returned success, its name is not.
#pragma once

#include <memory>
#include <string>

#include "log/commit.h"
#include "log/rate_pace.h"
#include "log/segment.h"
#include "log/zero_pace.h"

namespace penstock::log {

class SegmentRewrite {
 public:
  // Padding is only worth a rewrite above this share: commits of kIndexStrideBytes end in padding too,
  // and up to 92 bytes of a block stay empty inside them; that is less than a tenth together.
  static constexpr double kPadShareMin = 0.1;

  struct Context {
    Scheduler& scheduler;
    Disk& disk;
    std::shared_ptr<File> source_file;  // where the source is read
    RatePace& pace;                     // of what is read, written and read back
    ZeroPace& zeros;  // of the shard: writes keep out of the way of commits as zeros do
  };

  // `source` is sealed and has no damage.
  SegmentRewrite(Context context, SegmentRef source, Salt salt);

  // The segment that can take the source's place: sealed, without an index file. It has its own file,
  // under path(). Errors: kCorrupt (damage in the source), kNotFound (the source was removed
  // meanwhile), kIo (also when what was read back is not what was written), kNoSpace, kClosed.
  Task<Result<SegmentRef>> run();

  // Removes the file; best effort, because recovery does so too.
  Task<void> discard();

  const SegmentRef& source() const { return source_; }
  const std::string& path() const { return path_; }

 private:
  Task<Result<void>> make_file();
  Task<Result<void>> copy();
  Task<Result<void>> write(Commit& commit);
  Task<Result<void>> read_back();

  Context context_;
  SegmentRef source_;
  SegmentRef target_;
  std::string path_;
  ZeroDemand demand_;  // never in need
  FilePosition end_ = kFirstCommit;
  std::uint64_t commit_count_ = 0;
  std::uint32_t copied_digest_ = 0;  // of all batches, in order
};

}  // namespace penstock::log
