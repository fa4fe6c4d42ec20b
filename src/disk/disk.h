// Disk and File: the one way to stored bytes.
//
// Everything above this folder is deterministic given a Disk, a Clock and a seed. There are three
// makes: UringDisk (one io_uring per shard thread), BlockingDisk (plain system calls, inline or on a
// small worker pool) and SimDisk (memory, virtual time, faults). The algorithms above are written once,
// as coroutines.
//
// Alignment: in IoMode::kDirect every position, length and buffer address is a multiple of
// Disk::block_bytes(); a misaligned call is a bug above and asserts. In the other modes the same rule
// is kept, so that a test in one mode covers all. Ownership: a File owns its descriptor and closes it
// when destroyed; the Disk must outlive its files, and a File its operations. A buffer given to an
// operation belongs to it until it completes: writes take immutable SharedSlices, reads take the buffer
// and give it back. Threading: the scheduler thread that the disk was made for. Durability: a write
// with Durability::kDevice is durable when it has returned success, whatever the flags the file was
// opened with; one with kNone is durable after a later sync() has. A new, renamed or removed name is
// durable after sync_directory() of its directory. Errors: an operation that failed is never retried
// here as if its bytes were still there; the caller fences. EINTR, EAGAIN and short counts are handled
// below this line, with a bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/units.h"
#include "disk/shared_memory.h"
#include "penstock/io_mode.h"
#include "task/task.h"

namespace penstock {

enum class Durability {
  kNone,    // the bytes are with the kernel or in the device's cache
  kDevice,  // RWF_DSYNC: the bytes, and all metadata needed to read them, survive a power cut
};

enum class SyncScope {
  kData,  // fdatasync: bytes, and the size if it changed
  kAll,   // fsync: every attribute too
};

struct OpenOptions {
  bool write = false;
  bool create = false;     // create it when it is not there
  bool exclusive = false;  // with create: kExists when it is there
};

struct FileInfo {
  std::uint64_t size_bytes = 0;
  bool is_directory = false;
};

struct SpaceInfo {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to this process
};

// What a read gives back: the buffer, and how many bytes of it are filled.
struct ReadResult {
  AlignedBuffer buffer;
  std::size_t size_bytes = 0;  // less than asked for only at the end of the file
};

class File {
 public:
  virtual ~File() = default;

  // Reads up to `length_bytes` (whole blocks, at most the buffer's capacity) at `from`.
  virtual Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                        std::size_t length_bytes) = 0;

  // Writes all of `data` (whole blocks) at `to`, or fails; after a failure any part of it may be there.
  virtual Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) = 0;

  // Makes every completed write to this file durable. After a failure nothing is known to be: never
  // retry.
  virtual Task<Result<void>> sync(SyncScope scope) = 0;

  // Reserves space for [0, size_bytes) and makes the file at least that long (it never shrinks); the
  // new bytes read as zeros. Writing into such space cannot fail with kNoSpace, but costs a metadata
  // commit until it has been written once.
  virtual Task<Result<void>> allocate(std::uint64_t size_bytes) = 0;

  // Sets the size, any number of bytes. Durable after a sync().
  virtual Task<Result<void>> truncate(std::uint64_t size_bytes) = 0;

  virtual Task<Result<std::uint64_t>> size() = 0;

  // The path it was opened by, for messages; a rename does not change it.
  const std::string& path() const { return path_; }

 protected:
  explicit File(std::string path) : path_(std::move(path)) {}

 private:
  std::string path_;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // The mode that is really in effect for files of this disk.
  virtual IoMode mode() const = 0;
  // The alignment of positions, lengths and addresses: a power of two, at most kBlockBytes.
  virtual std::uint64_t block_bytes() const { return kBlockBytes; }

  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) = 0;
  // Makes `path` a file of `size_bytes` zeros (whole blocks), replacing the contents of one that is
  // there, reserves its space, and maps it. Its name is durable after sync_directory(). kNotSupported
  // where a store into reserved space can fail (btrfs), or space cannot be reserved; kNoSpace.
  virtual Task<Result<std::unique_ptr<SharedMemory>>> create_shared(std::string path,
                                                                    std::uint64_t size_bytes) = 0;
  // Atomically; replaces a file that is at `to`.
  virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  virtual Task<Result<void>> remove(std::string path) = 0;
  // An empty directory only.
  virtual Task<Result<void>> remove_directory(std::string path) = 0;
  // kExists when it is there.
  virtual Task<Result<void>> make_directory(std::string path) = 0;
  virtual Task<Result<void>> sync_directory(std::string path) = 0;
  // The names in a directory, sorted, without "." and "..".
  virtual Task<Result<std::vector<std::string>>> list(std::string path) = 0;
  // kNotFound when nothing is there.
  virtual Task<Result<FileInfo>> info(std::string path) = 0;
  virtual Task<Result<SpaceInfo>> space(std::string path) = 0;
};

}  // namespace penstock
