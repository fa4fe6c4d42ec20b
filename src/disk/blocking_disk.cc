#include "disk/blocking_disk.h"

#include "disk/descriptor_file.h"
#include "disk/mapped_file.h"
#include "disk/posix_ops.h"

namespace penstock {

namespace {

class BlockingFile final : public DescriptorFile {
 public:
  BlockingFile(std::string path, Descriptor file, IoMode mode, BlockingExecutor executor)
      : DescriptorFile(std::move(path)), file_(std::move(file)), mode_(mode), executor_(executor) {}
  ~BlockingFile() override {
    if (executor_.pool != nullptr) executor_.pool->close_later(file_.release());
  }

  posix::FileRef ref() const override { return {.fd = file_.get(), .mode = mode_, .path = path()}; }

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override {
    posix::assert_aligned(from, length_bytes, buffer.data());
    PENSTOCK_ASSERT(length_bytes <= buffer.capacity(), "a read longer than its buffer");
    auto call = [&] { return posix::read_full(ref(), from, buffer.span().first(length_bytes)); };
    const Result<std::size_t> read_bytes = co_await BlockingCall(executor_, call);
    if (!read_bytes) co_return Unexpected(read_bytes.error());
    co_return ReadResult{.buffer = std::move(buffer), .size_bytes = *read_bytes};
  }

  Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) override {
    posix::assert_aligned(to, data.size(), data.data());
    auto call = [&] { return posix::write_full(ref(), to, data.view(), durability); };
    co_return co_await BlockingCall(executor_, call);
  }

  Task<Result<void>> sync(SyncScope scope) override {
    auto call = [&] { return posix::sync(ref(), scope); };
    co_return co_await BlockingCall(executor_, call);
  }

  Task<Result<void>> allocate(std::uint64_t size_bytes) override {
    auto call = [&] { return posix::allocate(ref(), size_bytes); };
    co_return co_await BlockingCall(executor_, call);
  }

  Task<Result<void>> truncate(std::uint64_t size_bytes) override {
    auto call = [&] { return posix::truncate(ref(), size_bytes); };
    co_return co_await BlockingCall(executor_, call);
  }

  Task<Result<std::uint64_t>> size() override {
    auto call = [&] { return posix::size(ref()); };
    co_return co_await BlockingCall(executor_, call);
  }

 private:
  Descriptor file_;
  IoMode mode_;
  BlockingExecutor executor_;
};

}  // namespace

BlockingDisk::~BlockingDisk() {
  if (executor_.pool != nullptr) executor_.pool->finish_submitted();
}

Task<Result<std::unique_ptr<File>>> BlockingDisk::open(std::string path, OpenOptions options) {
  auto call = [&] { return posix::open(path, mode_, options); };
  Result<Descriptor> file = co_await BlockingCall(executor_, call);
  if (!file) co_return Unexpected(file.error());
  co_return std::make_unique<BlockingFile>(std::move(path), std::move(*file), mode_, executor_);
}

Task<Result<std::unique_ptr<SharedMemory>>> BlockingDisk::create_shared(std::string path,
                                                                        std::uint64_t size_bytes) {
  auto call = [&] { return posix::create_shared(path, size_bytes); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> BlockingDisk::rename(std::string from, std::string to) {
  auto call = [&] { return posix::rename(from, to); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> BlockingDisk::remove(std::string path) {
  auto call = [&] { return posix::remove(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> BlockingDisk::remove_directory(std::string path) {
  auto call = [&] { return posix::remove_directory(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> BlockingDisk::make_directory(std::string path) {
  auto call = [&] { return posix::make_directory(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> BlockingDisk::sync_directory(std::string path) {
  auto call = [&] { return posix::sync_directory(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<std::vector<std::string>>> BlockingDisk::list(std::string path) {
  auto call = [&] { return posix::list(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<FileInfo>> BlockingDisk::info(std::string path) {
  auto call = [&] { return posix::info(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<SpaceInfo>> BlockingDisk::space(std::string path) {
  auto call = [&] { return posix::space(path); };
  co_return co_await BlockingCall(executor_, call);
}

}  // namespace penstock
