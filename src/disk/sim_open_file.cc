#include "disk/sim_open_file.h"

#include <algorithm>

#include "base/crc32c.h"

namespace penstock {

namespace {

// What a read buffer holds before the read, so that bytes which were not read are not taken for zeros.
constexpr auto kUnread = std::byte{0xdb};

}  // namespace

Task<Result<ReadResult>> SimDisk::OpenFile::read(FilePosition from, AlignedBuffer buffer,
                                                 std::size_t length_bytes) {
  disk_.assert_aligned(from, length_bytes, buffer.data());
  PENSTOCK_ASSERT(length_bytes <= buffer.capacity(), "a read longer than its buffer");
  std::ranges::fill(buffer.span().first(length_bytes), kUnread);
  Transfer transfer(from, length_bytes);
  int disturbed_count = 0;
  while (transfer.moved_bytes() < length_bytes) {
    const MutableBytes into = buffer.span().subspan(transfer.at(), transfer.remaining_bytes());
    Operation call{.op = SimOp::kRead,
                   .path = path(),
                   .position = transfer.position().value,
                   .length_bytes = into.size(),
                   .file = node_,
                   .disturbed_count = disturbed_count};
    call.effect = [&]() -> Result<void> {
      const MutableBytes part = into.first(call.granted_bytes);
      call.moved_bytes = node_->image.read(FilePosition{call.position}, part);
      mix_in_flight(call, part.first(call.moved_bytes));
      call.checksum = crc32c(part.first(call.moved_bytes));
      return {};
    };
    const Result<Transfer::Step> step = co_await this->transfer(transfer, call);
    if (!step) co_return Unexpected(step.error());
    disturbed_count = call.disturbed_count;
    // Where the file ends is known with the call's result: asking for it takes no time here.
    if (*step == Transfer::Step::kShort && transfer.reached().value >= node_->image.size_bytes()) break;
  }
  co_return ReadResult{.buffer = std::move(buffer), .size_bytes = transfer.moved_bytes()};
}

Task<Result<Transfer::Step>> SimDisk::OpenFile::transfer(Transfer& transfer, Operation& call) {
  const Result<void> called = co_await disk_.call(call);
  const int error = called ? 0 : called.error().os_error();
  if (!called && error == 0) co_return Unexpected(called.error());  // the machine is gone
  const Transfer::Step step =
      transfer.take(called ? static_cast<std::int64_t>(call.moved_bytes) : -error);
  if (step != Transfer::Step::kFailed) co_return step;
  co_return Unexpected(called ? refused(transfer.error(), call).error() : called.error());
}

void SimDisk::OpenFile::check_writable(Operation& operation) const {
  if (is_writable_) return;
  operation.effect = [&operation] { return refused(EBADF, operation); };
  operation.fault_effect = nullptr;
  operation.crash_effect = nullptr;
  operation.lie_effect = [&operation](const SimFault& /*lie*/) { return refused(EBADF, operation); };
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
  Transfer transfer(to, data.size());
  int disturbed_count = 0;
  while (transfer.moved_bytes() < data.size()) {
    const ByteView part = data.view().subspan(transfer.at(), transfer.remaining_bytes());
    Operation call{.op = SimOp::kWrite,
                   .path = path(),
                   .position = transfer.position().value,
                   .length_bytes = part.size(),
                   .file = node_,
                   .data = part,
                   .checksum = crc32c(part),
                   .disturbed_count = disturbed_count};
    disk_.assert_no_overlap(call);
    call.effect = [&] { return write_some(call, durability); };
    call.fault_effect = [&] {
      disk_.storage_.write_partly(*node_, FilePosition{call.position}, call.data,
                                  disk_.some_sectors(call.data.size() / kSectorBytes));
    };
    call.crash_effect = call.fault_effect;
    call.lie_effect = [&](const SimFault& lie) { return write_with_lie(call, durability, lie); };
    check_writable(call);
    const Result<Transfer::Step> step = co_await this->transfer(transfer, call);
    if (!step) co_return Unexpected(step.error());
    disturbed_count = call.disturbed_count;
  }
  co_return Result<void>();
}

// The bytes that the call is let move, with their durability; of the others any, without.
Result<void> SimDisk::OpenFile::write_some(Operation& call, Durability durability) {
  const FilePosition to{call.position};
  const ByteView rest = call.data.subspan(call.granted_bytes);
  Result<void> written = or_no_space(
      disk_.storage_.write(*node_, to, call.data.first(call.granted_bytes), durability), call);
  if (!written) return written;
  call.moved_bytes = call.granted_bytes;
  if (!rest.empty()) {
    disk_.storage_.write_partly(*node_, to + call.granted_bytes, rest,
                                disk_.some_sectors(rest.size() / kSectorBytes));
  }
  return {};
}

Result<void> SimDisk::OpenFile::write_with_lie(Operation& call, Durability durability,
                                               const SimFault& lie) {
  if (lie.kind == SimFaultKind::kNotDurable) return write_some(call, Durability::kNone);
  SimImage::SectorMask arrived(call.data.size() / kSectorBytes);
  if (lie.kind == SimFaultKind::kLost) {
    arrived = disk_.some_sectors(arrived.size());
    arrived[disk_.fault_random_.below(arrived.size())] = false;
  }
  const FilePosition to{call.position};
  Result<void> written =
      or_no_space(disk_.storage_.write_losing(*node_, to, call.data, durability, arrived), call);
  if (!written) return written;
  call.moved_bytes = call.data.size();
  const std::optional<FilePosition> place =
      lie.kind == SimFaultKind::kMisdirected ? elsewhere(call, lie) : std::nullopt;
  if (!place) return {};
  return or_no_space(disk_.storage_.write(*node_, *place, call.data, durability), call);
}

// Where misdirected bytes land: any other whole blocks of the file, if it has such.
std::optional<FilePosition> SimDisk::OpenFile::elsewhere(const Operation& call, const SimFault& lie) {
  if (lie.misdirected_to) return lie.misdirected_to;
  const std::uint64_t block_bytes = disk_.options_.block_bytes;
  const std::uint64_t end = call.position + call.length_bytes;
  const std::uint64_t size_bytes = node_->image.size_bytes();
  std::uint64_t places_before = 0;
  std::uint64_t places_behind = 0;
  if (call.position >= call.length_bytes) {
    places_before = (call.position - call.length_bytes) / block_bytes + 1;
  }
  if (size_bytes >= end + call.length_bytes) {
    places_behind = (size_bytes - end - call.length_bytes) / block_bytes + 1;
  }
  if (places_before + places_behind == 0) return std::nullopt;
  const std::uint64_t place = disk_.fault_random_.below(places_before + places_behind);
  if (place < places_before) return FilePosition{place * block_bytes};
  return FilePosition{end + (place - places_before) * block_bytes};
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
  check_writable(operation);
  co_return co_await disk_.perform(operation);
}

Task<Result<void>> SimDisk::OpenFile::truncate(std::uint64_t size_bytes) {
  Operation operation{.op = SimOp::kTruncate, .path = path(), .length_bytes = size_bytes};
  operation.effect = [&]() -> Result<void> {
    disk_.land_late_writes(*node_);  // file systems wait for direct writes before they cut
    if (size_bytes < node_->image.size_bytes()) disk_.assert_not_mapped(*node_);
    disk_.storage_.truncate(*node_, size_bytes);
    return {};
  };
  check_writable(operation);
  co_return co_await disk_.perform(operation);
}

Task<Result<std::uint64_t>> SimDisk::OpenFile::size() {
  std::uint64_t size_bytes = 0;
  Operation operation{.op = SimOp::kSize, .path = path()};
  operation.effect = [&]() -> Result<void> {
    size_bytes = node_->image.size_bytes();
    return {};
  };
  Result<void> result = co_await disk_.perform(operation);
  if (!result) co_return Unexpected(result.error());
  co_return size_bytes;
}

}  // namespace penstock
