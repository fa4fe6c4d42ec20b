#include "disk/sim_disk.h"

#include <algorithm>

#include "base/crc32c.h"

namespace penstock {

namespace {

// What a read buffer holds before the read, so that bytes which were not read are not taken for zeros.
constexpr auto kUnread = std::byte{0xdb};

Unexpected gone() { return fail(ErrorCode::kClosed, "the simulated machine is gone"); }

// Stores the value of a result, for an operation's effect, which has none.
template <typename T>
Result<void> keep(Result<T> from, T& value) {
  if (!from) return Unexpected(std::move(from.error()));
  value = std::move(*from);
  return {};
}

template <typename T>
Result<T> with_value(Result<void> result, T value) {
  if (!result) return Unexpected(std::move(result.error()));
  return value;
}

}  // namespace

std::string_view to_string(SimOp op) {
  switch (op) {
    case SimOp::kOpen: return "open";
    case SimOp::kRead: return "read";
    case SimOp::kWrite: return "write";
    case SimOp::kSync: return "sync";
    case SimOp::kAllocate: return "allocate";
    case SimOp::kTruncate: return "truncate";
    case SimOp::kSize: return "size";
    case SimOp::kRename: return "rename";
    case SimOp::kRemove: return "remove";
    case SimOp::kRemoveDirectory: return "remove_directory";
    case SimOp::kMakeDirectory: return "make_directory";
    case SimOp::kSyncDirectory: return "sync_directory";
    case SimOp::kList: return "list";
    case SimOp::kInfo: return "info";
    case SimOp::kSpace: return "space";
  }
  return "unknown";
}

// One operation from its start to its end; lives in the frame of its coroutine.
struct SimDisk::Operation {
  SimOp op;
  std::string_view path;
  std::uint64_t position = 0;
  std::uint64_t length_bytes = 0;
  const SimNode* file = nullptr;  // of a write or read
  ByteView data{};                // of a write
  std::uint32_t checksum = 0;     // of the bytes written or read

  // What it does, at its end.
  std::function<Result<void>()> effect{};
  // What it does if a fault makes it fail. Empty: nothing.
  std::function<void()> fault_effect{};
  // What it does if the machine dies first. Empty: its effect or nothing.
  std::function<void()> crash_effect{};

  bool overlaps(const Operation& other) const {
    return file == other.file && position < other.position + other.length_bytes &&
           other.position < position + length_bytes;
  }
};

class SimDisk::OpenFile final : public File {
 public:
  OpenFile(SimDisk& disk, SimNode::Pointer node, std::string path, bool is_writable)
      : File(std::move(path)), disk_(disk), node_(std::move(node)), is_writable_(is_writable) {}

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override;
  Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) override;
  Task<Result<void>> sync(SyncScope scope) override;
  Task<Result<void>> allocate(std::uint64_t size_bytes) override;
  Task<Result<void>> truncate(std::uint64_t size_bytes) override;
  Task<Result<std::uint64_t>> size() override;

 private:
  // Performs it, or has it refused if the file was opened for reading.
  Task<Result<void>> change(Operation& operation);
  static Result<void> refused(int errno_value, const Operation& operation);
  static Result<void> or_no_space(bool there_was_space, const Operation& operation);
  void mix_in_flight(const Operation& read, MutableBytes bytes) const;

  SimDisk& disk_;
  SimNode::Pointer node_;
  bool is_writable_;
};

Task<Result<ReadResult>> SimDisk::OpenFile::read(FilePosition from, AlignedBuffer buffer,
                                                 std::size_t length_bytes) {
  disk_.assert_aligned(from, length_bytes, buffer.data());
  PENSTOCK_ASSERT(length_bytes <= buffer.capacity(), "a read longer than its buffer");
  std::ranges::fill(buffer.span().first(length_bytes), kUnread);
  std::size_t size_bytes = 0;
  Operation operation{.op = SimOp::kRead,
                      .path = path(),
                      .position = from.value,
                      .length_bytes = length_bytes,
                      .file = node_.get()};
  operation.effect = [&]() -> Result<void> {
    size_bytes = node_->image.read(from, buffer.span().first(length_bytes));
    mix_in_flight(operation, buffer.span().first(size_bytes));
    operation.checksum = crc32c(buffer.view().first(size_bytes));
    return {};
  };
  Result<void> result = co_await disk_.perform(operation);
  if (!result) co_return Unexpected(std::move(result.error()));
  co_return ReadResult{.buffer = std::move(buffer), .size_bytes = size_bytes};
}

Task<Result<void>> SimDisk::OpenFile::change(Operation& operation) {
  if (!is_writable_) {
    operation.effect = [&operation] { return refused(EBADF, operation); };
    operation.fault_effect = nullptr;
    operation.crash_effect = nullptr;
  }
  co_return co_await disk_.perform(operation);
}

Result<void> SimDisk::OpenFile::refused(int errno_value, const Operation& operation) {
  return Unexpected(
      Error::from_errno(errno_value, fmt::format("{} {}", to_string(operation.op), operation.path)));
}

Result<void> SimDisk::OpenFile::or_no_space(bool there_was_space, const Operation& operation) {
  return there_was_space ? Result<void>() : refused(ENOSPC, operation);
}

// A read sees any of the sectors that are being written.
void SimDisk::OpenFile::mix_in_flight(const Operation& read, MutableBytes bytes) const {
  for (const Operation* write : disk_.in_flight_) {
    if (write->op != SimOp::kWrite || !write->overlaps(read)) continue;
    for (std::size_t done = 0; done < write->data.size(); done += kSectorBytes) {
      const std::uint64_t position = write->position + done;
      if (position < read.position || position - read.position + kSectorBytes > bytes.size()) continue;
      if (disk_.fault_random_.coin()) continue;
      std::ranges::copy(write->data.subspan(done, kSectorBytes),
                        bytes.subspan(position - read.position).begin());
    }
  }
}

Task<Result<void>> SimDisk::OpenFile::write(FilePosition to, SharedSlice data, Durability durability) {
  disk_.assert_aligned(to, data.size(), data.data());
  Operation operation{.op = SimOp::kWrite,
                      .path = path(),
                      .position = to.value,
                      .length_bytes = data.size(),
                      .file = node_.get(),
                      .data = data.view(),
                      .checksum = crc32c(data.view())};
  disk_.assert_no_overlap(operation);
  operation.effect = [&] {
    return or_no_space(disk_.storage_.write(*node_, to, data.view(), durability), operation);
  };
  operation.fault_effect = [&] {
    disk_.storage_.write_partly(*node_, to, data.view(),
                                disk_.some_sectors(data.size() / kSectorBytes));
  };
  operation.crash_effect = operation.fault_effect;
  co_return co_await change(operation);
}

Task<Result<void>> SimDisk::OpenFile::sync(SyncScope /*scope*/) {
  const SimImage::Sequence covered = disk_.storage_.sequence();
  Operation operation{.op = SimOp::kSync, .path = path()};
  operation.effect = [&]() -> Result<void> {
    node_->image.sync(covered);
    return {};
  };
  operation.fault_effect = [&] { node_->image.fail_sync(covered); };
  co_return co_await disk_.perform(operation);
}

Task<Result<void>> SimDisk::OpenFile::allocate(std::uint64_t size_bytes) {
  Operation operation{.op = SimOp::kAllocate, .path = path(), .length_bytes = size_bytes};
  operation.effect = [&] {
    return or_no_space(disk_.storage_.allocate(*node_, size_bytes), operation);
  };
  co_return co_await change(operation);
}

Task<Result<void>> SimDisk::OpenFile::truncate(std::uint64_t size_bytes) {
  Operation operation{.op = SimOp::kTruncate, .path = path(), .length_bytes = size_bytes};
  operation.effect = [&]() -> Result<void> {
    disk_.storage_.truncate(*node_, size_bytes);
    return {};
  };
  co_return co_await change(operation);
}

Task<Result<std::uint64_t>> SimDisk::OpenFile::size() {
  std::uint64_t size_bytes = 0;
  Operation operation{.op = SimOp::kSize, .path = path()};
  operation.effect = [&]() -> Result<void> {
    size_bytes = node_->image.size_bytes();
    return {};
  };
  Result<void> result = co_await disk_.perform(operation);
  co_return with_value(std::move(result), size_bytes);
}

SimDisk::SimDisk(SimStorage& storage, Scheduler& scheduler, SimDiskOptions options)
    : storage_(storage),
      scheduler_(scheduler),
      options_(std::move(options)),
      latency_random_(options_.seed),
      fault_random_(latency_random_.split()) {
  PENSTOCK_ASSERT(options_.latency_min <= options_.latency_max,
                  "the smallest latency is the greater one");
  PENSTOCK_ASSERT(is_aligned(options_.block_bytes, kSectorBytes) && options_.block_bytes <= kBlockBytes,
                  "blocks are whole sectors, and at most kBlockBytes");
  storage_.attach();
}

SimDisk::~SimDisk() {
  PENSTOCK_ASSERT(in_flight_.empty(), "a disk was destroyed before its operations ended");
  if (!has_crashed_) storage_.detach();
}

void SimDisk::crash(SimCrash how) {
  PENSTOCK_ASSERT(!has_crashed_, "a machine dies once");
  has_crashed_ = true;
  for (const Operation* operation : in_flight_) {
    if (operation->crash_effect) {
      operation->crash_effect();
    } else if (fault_random_.coin()) {
      [[maybe_unused]] const Result<void> told_to_nobody = operation->effect();
    }
  }
  in_flight_.clear();
  storage_.detach();
  if (how == SimCrash::kPowerCut) storage_.power_cut(fault_random_);
  fold(static_cast<std::uint64_t>(how));
  if (options_.trace) options_.trace(how == SimCrash::kPowerCut ? "power cut" : "kill");
}

void SimDisk::crash_after(std::uint64_t steps, SimCrash how) {
  PENSTOCK_ASSERT(steps >= steps_, "that moment has passed");
  crash_after_steps_ = steps;
  crash_how_ = how;
}

Task<Result<std::unique_ptr<File>>> SimDisk::open(std::string path, OpenOptions options) {
  SimNode::Pointer node;
  Operation operation{.op = SimOp::kOpen, .path = path};
  operation.effect = [&] { return keep(storage_.open(path, options), node); };
  Result<void> result = co_await perform(operation);
  if (!result) co_return Unexpected(std::move(result.error()));
  co_return std::make_unique<OpenFile>(*this, std::move(node), std::move(path), options.write);
}

Task<Result<void>> SimDisk::rename(std::string from, std::string to) {
  const std::string both = from + " -> " + to;
  Operation operation{.op = SimOp::kRename, .path = both};
  operation.effect = [&] { return storage_.rename(from, to); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::remove(std::string path) {
  Operation operation{.op = SimOp::kRemove, .path = path};
  operation.effect = [&] { return storage_.remove(path); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::remove_directory(std::string path) {
  Operation operation{.op = SimOp::kRemoveDirectory, .path = path};
  operation.effect = [&] { return storage_.remove_directory(path); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::make_directory(std::string path) {
  Operation operation{.op = SimOp::kMakeDirectory, .path = path};
  operation.effect = [&] { return storage_.make_directory(path); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::sync_directory(std::string path) {
  const SimStorage::Sequence covered = storage_.sequence();
  Operation operation{.op = SimOp::kSyncDirectory, .path = path};
  operation.effect = [&] { return storage_.sync_directory(path, covered); };
  co_return co_await perform(operation);
}

Task<Result<std::vector<std::string>>> SimDisk::list(std::string path) {
  std::vector<std::string> names;
  Operation operation{.op = SimOp::kList, .path = path};
  operation.effect = [&] { return keep(storage_.list(path), names); };
  Result<void> result = co_await perform(operation);
  co_return with_value(std::move(result), std::move(names));
}

Task<Result<FileInfo>> SimDisk::info(std::string path) {
  FileInfo info;
  Operation operation{.op = SimOp::kInfo, .path = path};
  operation.effect = [&] { return keep(storage_.info(path), info); };
  Result<void> result = co_await perform(operation);
  co_return with_value(std::move(result), info);
}

Task<Result<SpaceInfo>> SimDisk::space(std::string path) {
  SpaceInfo space;
  Operation operation{.op = SimOp::kSpace, .path = path};
  operation.effect = [&]() -> Result<void> {
    space = storage_.space();
    return {};
  };
  Result<void> result = co_await perform(operation);
  co_return with_value(std::move(result), space);
}

Task<Result<void>> SimDisk::perform(Operation& operation) {
  step();
  const int fault_errno = has_crashed_ ? 0 : fault_for(operation);
  if (!has_crashed_) in_flight_.push_back(&operation);
  co_await scheduler_.sleep_for(latency());
  step();
  Result<void> result = end(operation, fault_errno);
  record(operation, result);
  co_return result;
}

Result<void> SimDisk::end(Operation& operation, int fault_errno) {
  PENSTOCK_ASSERT(operation.op != SimOp::kWrite || crc32c(operation.data) == operation.checksum,
                  "a buffer was changed while it was being written");
  if (has_crashed_) return gone();
  in_flight_.remove(&operation);
  if (fault_errno == 0) return operation.effect();
  if (operation.fault_effect) operation.fault_effect();
  return Unexpected(Error::from_errno(
      fault_errno, fmt::format("{} {} (injected)", to_string(operation.op), operation.path)));
}

void SimDisk::step() {
  if (has_crashed_) return;
  if (steps_ == crash_after_steps_) {
    crash(crash_how_);
  } else {
    ++steps_;
  }
}

Duration SimDisk::latency() {
  const Duration drawn{
      latency_random_.between(static_cast<std::uint64_t>(options_.latency_min.count()),
                              static_cast<std::uint64_t>(options_.latency_max.count()))};
  // On a dead machine time still passes, or a loop that has not understood would hang the simulation.
  return has_crashed_ ? std::max<Duration>(drawn, std::chrono::microseconds(1)) : drawn;
}

int SimDisk::fault_for(const Operation& operation) {
  int errno_value = 0;
  for (SimFault& fault : faults_) {
    if (fault.op != operation.op || operation.path.find(fault.path_part) == std::string_view::npos)
      continue;
    if (fault.nth > 1) {
      --fault.nth;
    } else if (fault.count > 0) {
      --fault.count;
      errno_value = fault.errno_value;
    }
  }
  return errno_value;
}

// None, all, the first few, or any: the ways a write is broken off. Each is drawn often enough to be
// seen.
SimImage::SectorMask SimDisk::some_sectors(std::size_t count) {
  SimImage::SectorMask mask(count);
  const std::uint64_t draw = fault_random_.below(4);
  const std::uint64_t first_few = draw == 1 ? count : fault_random_.between(0, count);
  for (std::size_t i = 0; i < count; ++i) {
    if (draw == 1 || draw == 2) mask[i] = i < first_few;
    if (draw == 3) mask[i] = fault_random_.coin();
  }
  return mask;
}

void SimDisk::record(const Operation& operation, const Result<void>& result) {
  fold(static_cast<std::uint64_t>(operation.op));
  fold(crc32c(as_bytes(operation.path)));
  fold(operation.position);
  fold(operation.length_bytes);
  fold(operation.checksum);
  fold(result ? 0 : 1 + static_cast<std::uint64_t>(result.error().code()));
  fold(static_cast<std::uint64_t>(scheduler_.now().since_start.count()));
  if (!options_.trace) return;
  options_.trace(fmt::format("{:>10} us  {} {} [{}, +{}) {}",
                             scheduler_.now().since_start.count() / 1000, to_string(operation.op),
                             operation.path, operation.position, operation.length_bytes,
                             result ? "ok" : result.error().message()));
}

void SimDisk::fold(std::uint64_t value) { trace_hash_ = mix64(trace_hash_ * 31 + value); }

void SimDisk::assert_aligned(FilePosition position, std::uint64_t length_bytes,
                             const std::byte* address) const {
  PENSTOCK_ASSERT(is_aligned(position.value, options_.block_bytes),
                  "I/O at a position that is not a whole block");
  PENSTOCK_ASSERT(is_aligned(length_bytes, options_.block_bytes),
                  "I/O of a length that is not whole blocks");
  PENSTOCK_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(address), options_.block_bytes),
                  "I/O with memory that is not block-aligned");
}

void SimDisk::assert_no_overlap(const Operation& write) const {
  for (const Operation* other : in_flight_) {
    PENSTOCK_ASSERT(other->op != SimOp::kWrite || !other->overlaps(write),
                    "two writes in flight to the same bytes");
  }
}

}  // namespace penstock
