#include "disk/mapped_file.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "disk/posix_ops.h"

namespace penstock::posix {

namespace {

class MappedFile final : public SharedMemory {
 public:
  explicit MappedFile(MutableBytes bytes) : SharedMemory(bytes) {}
  ~MappedFile() override { ::munmap(bytes().data(), bytes().size()); }
};

// btrfs writes every page to a new place, so that a store into reserved space can find none: SIGBUS.
bool keeps_reserved_space(int fd) {
  struct statfs file_system;
  if (::fstatfs(fd, &file_system) != 0) return false;
  return static_cast<std::uint64_t>(file_system.f_type) != BTRFS_SUPER_MAGIC;
}

}  // namespace

Result<std::unique_ptr<SharedMemory>> create_shared(const std::string& path, std::uint64_t size_bytes) {
  PENSTOCK_ASSERT(size_bytes > 0 && is_aligned(size_bytes, kBlockBytes),
                  "shared memory is whole blocks");
  auto descriptor = open(path, IoMode::kBuffered, {.write = true, .create = true});
  if (!descriptor) return Unexpected(descriptor.error());
  if (!keeps_reserved_space(descriptor->get())) {
    return fail(ErrorCode::kNotSupported,
                "the file system of {} does not keep reserved space for memory that is mapped", path);
  }
  const FileRef file{descriptor->get(), IoMode::kBuffered, path};
  if (auto emptied = truncate(file, 0); !emptied) return Unexpected(emptied.error());
  if (auto allocated = allocate(file, size_bytes); !allocated) return Unexpected(allocated.error());
  void* address = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor->get(), 0);
  if (address == MAP_FAILED) return Unexpected(size_error(errno, "map", path, size_bytes));
  return std::make_unique<MappedFile>(MutableBytes(static_cast<std::byte*>(address), size_bytes));
}

}  // namespace penstock::posix
