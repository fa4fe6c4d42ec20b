// The plain system calls of this folder, one function each, with complete errors.
//
// They block the calling thread. BlockingDisk calls nothing else; UringDisk takes from here what has no
// ring opcode, and the flags and error messages that both must have in common.
//
// Threading: any thread. Errors name what was done, the path, the position and the length.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "disk/descriptor.h"
#include "disk/disk.h"
#include "disk/system_faults.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080  // Linux 6.14; newer than Debian 12's headers
#endif

namespace penstock::posix {

// An open file as the functions below need it; the path is for messages. All of it stays the caller's.
struct FileRef {
  int fd;
  IoMode mode;
  const std::string& path;
};

Result<Descriptor> open(const std::string& path, IoMode mode, OpenOptions options);

// Reads into `into` until it is full or the file ends; returns how many bytes were read.
Result<std::size_t> read_full(FileRef file, FilePosition from, MutableBytes into);
Result<void> write_full(FileRef file, FilePosition to, ByteView data, Durability durability);
Result<void> sync(FileRef file, SyncScope scope);
// Whether pages may be in the page cache after this sync that nobody wants: cutting a file in the
// middle of a block, xfs zeroes the rest of the block there, also under direct I/O. They can be dropped
// once they are clean, so after a sync.
bool leaves_cached_pages(IoMode mode, SyncScope scope);
Result<void> allocate(FileRef file, std::uint64_t size_bytes);
Result<void> truncate(FileRef file, std::uint64_t size_bytes);
Result<std::uint64_t> size(FileRef file);

Result<void> rename(const std::string& from, const std::string& to);
Result<void> remove(const std::string& path);
Result<void> remove_directory(const std::string& path);
Result<void> make_directory(const std::string& path);
Result<void> sync_directory(const std::string& path);
Result<std::vector<std::string>> list(const std::string& path);
Result<FileInfo> info(const std::string& path);
Result<SpaceInfo> space(const std::string& path);

// From now on every call above asks `faults` first, in the whole process and on any thread (list() and
// space() excepted); null for none. For tests: nothing may be calling while this changes.
void install_faults(SystemFaults* faults);

// Flags for openat, and RWF_* for one read or write.
int open_flags(IoMode mode, OpenOptions options);
int read_flags(IoMode mode);
int write_flags(IoMode mode, Durability durability);
// The group may read a log, others may not.
inline constexpr unsigned kCreatePermissions = 0640;
inline constexpr unsigned kDirectoryPermissions = 0750;
inline constexpr int kDirectoryOpenFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Every position, length and address is whole blocks; anything else is a bug above the Disk.
void assert_aligned(FilePosition position, std::uint64_t length_bytes, const void* address);

Error open_error(int errno_value, const std::string& path, IoMode mode);
Error read_error(int errno_value, const std::string& path, FilePosition from,
                 std::uint64_t length_bytes);
Error write_error(int errno_value, const std::string& path, FilePosition to, std::uint64_t length_bytes,
                  IoMode mode, Durability durability);
Error path_error(int errno_value, std::string_view doing, const std::string& path);
Error rename_error(int errno_value, const std::string& from, const std::string& to);
Error size_error(int errno_value, std::string_view doing, const std::string& path,
                 std::uint64_t size_bytes);

}  // namespace penstock::posix
