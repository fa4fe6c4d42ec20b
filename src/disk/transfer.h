// Transfer: how far one read or write has come, and what a system call's result means for it.
//
// The one place for short counts and for EINTR, EAGAIN and ECANCELED, shared by plain system calls and
// the ring. It goes on from a block boundary, so that a short count never leads to a misaligned direct
// call, and gives up after a bounded number of calls that moved nothing.
//
// Threading: a plain value.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace penstock {

// Whether a call that failed with `errno_value` was only turned away for now (EINTR, EAGAIN,
// ECANCELED): it did nothing that making it again would not do, so it is made again,
// Transfer::kMaxIdleCalls times at most.
bool is_turned_away(int errno_value);

class Transfer {
 public:
  enum class Step {
    kComplete,  // all of it has been moved
    kGoOn,      // call again for position(), at(), remaining()
    kShort,     // the same, unless the file ends at reached(): only a reader needs to find out
    kFailed,    // error() says why
  };

  // The most bytes to ask for in one call; Linux itself stops at 2 GiB less a page.
  static constexpr std::uint64_t kMaxCallBytes = kGiB;
  // Calls in a row that may move nothing before the transfer fails. EINTR and EAGAIN are rare for
  // files, and seen at most once or twice in a row.
  static constexpr int kMaxIdleCalls = 16;

  Transfer(FilePosition start, std::uint64_t length_bytes)
      : start_(start), length_bytes_(length_bytes) {}

  // Takes the result of a call: how many bytes it moved, or a negative errno.
  Step take(std::int64_t result);

  // What the next call is about: where in the file, where in the buffer, how many bytes.
  FilePosition position() const { return start_ + at(); }
  std::uint64_t at() const { return align_down(moved_bytes_, kBlockBytes); }
  std::uint64_t remaining_bytes() const;

  // The end of what has been moved, in the file and as a count.
  FilePosition reached() const { return start_ + moved_bytes_; }
  std::uint64_t moved_bytes() const { return moved_bytes_; }

  // Positive errno; EIO when calls kept moving nothing.
  int error() const { return error_; }
  // A call in this transfer was turned away for now; the ring hands the next one to a worker.
  bool was_turned_away() const { return idle_calls_ > 0; }

 private:
  FilePosition start_;
  std::uint64_t length_bytes_;
  std::uint64_t moved_bytes_ = 0;
  int idle_calls_ = 0;
  int error_ = 0;
};

}  // namespace penstock
