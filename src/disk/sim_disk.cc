#include "disk/sim_disk.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "disk/sim_open_file.h"

namespace penstock {

namespace {

// How many calls of one operation the seed disturbs at most: fewer than would make it fail.
constexpr int kMaxDisturbedCalls = 8;
static_assert(kMaxDisturbedCalls < Transfer::kMaxIdleCalls);

// Of the steps, one in so many finds the kernel writing back what was stored into shared memory.
constexpr std::uint64_t kWriteBackOneIn = 16;

Unexpected gone() { return fail(ErrorCode::kClosed, "the simulated machine is gone"); }

// Stores the value of a result, for an operation's effect, which has none.
template <typename T>
Result<void> keep(Result<T> from, T& value) {
  if (!from) return Unexpected(from.error());
  value = std::move(*from);
  return {};
}

template <typename T>
Result<T> with_value(const Result<void>& result, T value) {
  if (!result) return Unexpected(result.error());
  return value;
}

}  // namespace

// A write in flight of a process that was killed before this machine started.
class SimDisk::LateWrite final : public Scheduler::Timer {
 public:
  LateWrite(SimDisk& disk, SimLateWrite write)
      : Timer(disk.scheduler_),
        disk_(disk),
        write_(std::move(write)),
        when_(disk.scheduler_.now() + write_.after) {
    start(when_);
  }

  const SimNode& file() const { return *write_.file; }
  void land() {
    cancel();
    fire();
  }
  void land_in(SimStorage& copy, const SimStorage::Copies& copies) const {
    const auto copied = copies.find(write_.file.get());
    if (copied == copies.end()) return;
    copy.write_partly(*copied->second, write_.to, write_.data, write_.sectors);
  }
  // What is left of it for the machine after this one.
  SimLateWrite take() && {
    cancel();
    write_.after = std::max(Duration::zero(), when_ - disk_.scheduler_.now());
    return std::move(write_);
  }

 private:
  void fire() override {
    disk_.storage_.write_partly(*write_.file, write_.to, write_.data, write_.sectors);
  }

  SimDisk& disk_;
  SimLateWrite write_;
  Instant when_;
};

// Memory of a running process; the file's image is behind it until somebody could see the difference.
class SimDisk::Mapping final : public SharedMemory {
 public:
  Mapping(SimDisk& disk, SimNode::Pointer file, AlignedBuffer memory)
      : SharedMemory(memory.span()),
        disk_(disk),
        file_(std::move(file)),
        memory_(std::move(memory)),
        written_back_(memory_.span().begin(), memory_.span().end()) {
    disk_.mappings_.push_back(this);
  }
  ~Mapping() override {
    if (disk_.has_crashed_) return;
    write_back();
    disk_.mappings_.remove(this);
  }

  const SimNode& file() const { return *file_; }

  void write_back() {
    for (std::size_t at = 0; at < memory_.capacity(); at += kSectorBytes) {
      const ByteView now = memory_.view().subspan(at, kSectorBytes);
      const MutableBytes before = MutableBytes(written_back_).subspan(at, kSectorBytes);
      if (std::memcmp(now.data(), before.data(), kSectorBytes) == 0) continue;
      const bool has_space = disk_.storage_.write(*file_, FilePosition{at}, now, Durability::kNone);
      PENSTOCK_ASSERT(has_space, "shared memory has its space reserved");
      std::ranges::copy(now, before.begin());
    }
  }

 private:
  SimDisk& disk_;
  SimNode::Pointer file_;
  AlignedBuffer memory_;
  std::vector<std::byte> written_back_;
};

SimDisk::SimDisk(SimStorage& storage, Scheduler& scheduler, SimDiskOptions options)
    : storage_(storage),
      scheduler_(scheduler),
      options_(std::move(options)),
      latency_random_(options_.seed),
      fault_random_(latency_random_.split()),
      // From a copy: whether there are disturbances shifts nobody else's numbers.
      disturbance_random_(Random(fault_random_).split()),
      write_back_random_(Random(disturbance_random_).split()) {
  PENSTOCK_ASSERT(options_.latency_min <= options_.latency_max,
                  "the smallest latency is the greater one");
  PENSTOCK_ASSERT(is_aligned(options_.block_bytes, kSectorBytes) && options_.block_bytes <= kBlockBytes,
                  "blocks are whole sectors, and at most kBlockBytes");
  storage_.attach();
  for (SimLateWrite& write : storage_.take_late_writes())
    late_writes_.emplace_back(*this, std::move(write));
}

SimDisk::~SimDisk() {
  PENSTOCK_ASSERT(in_flight_.empty(), "a disk was destroyed before its operations ended");
  PENSTOCK_ASSERT(has_crashed_ || mappings_.empty(), "a disk was destroyed before what it has mapped");
  if (!has_crashed_) detach();
}

// What has not landed yet can still do so when the next one is at work.
void SimDisk::detach() {
  for (LateWrite& write : late_writes_) {
    if (write.is_running()) storage_.keep_late_write(std::move(write).take());
  }
  late_writes_.clear();
  storage_.detach();
}

bool SimDisk::has_late_writes() const {
  return std::ranges::any_of(late_writes_, [](const LateWrite& write) { return write.is_running(); });
}

void SimDisk::land_late_writes(const SimNode& file) {
  for (LateWrite& write : late_writes_) {
    if (write.is_running() && &write.file() == &file) write.land();
  }
}

void SimDisk::crash(SimCrash how) {
  PENSTOCK_ASSERT(!has_crashed_, "a machine dies once");
  has_crashed_ = true;
  crash_how_ = how;
  for (const Operation* operation : in_flight_) settle(*operation, how);
  in_flight_.clear();
  write_back_mappings();
  mappings_.clear();
  detach();
  if (how == SimCrash::kPowerCut) storage_.power_cut(fault_random_);
  fold(static_cast<std::uint64_t>(how));
  if (options_.trace) options_.trace(how == SimCrash::kPowerCut ? "power cut" : "kill");
}

// What becomes of a call that is in flight when the machine dies.
void SimDisk::settle(const Operation& operation, SimCrash how) {
  if (!operation.crash_effect) {
    if (!fault_random_.coin()) return;
    [[maybe_unused]] const Result<void> told_to_nobody = carry_out(operation);
    return;
  }
  const bool may_be_late = how == SimCrash::kKill && options_.late_write_max > Duration::zero();
  if (!may_be_late || fault_random_.coin()) {
    operation.crash_effect();
    return;
  }
  const auto max_ns = static_cast<std::uint64_t>(options_.late_write_max.count());
  storage_.keep_late_write({.file = operation.file,
                            .to = FilePosition{operation.position},
                            .data = {operation.data.begin(), operation.data.end()},
                            .sectors = some_sectors(operation.data.size() / kSectorBytes),
                            .after = Duration(fault_random_.between(0, max_ns))});
}

// The same in a copy of the storage. Without `random`, it is carried out.
void SimDisk::settle_copy(const Operation& operation, SimStorage& copy,
                          const SimStorage::Copies& copies, Random* random) {
  SimNode* file = nullptr;
  if (operation.file != nullptr) {
    const auto copied = copies.find(operation.file.get());
    if (copied == copies.end()) return;  // it has no name any more, and is gone
    file = copied->second.get();
  }
  if (operation.op == SimOp::kWrite) {
    const std::size_t sectors = operation.data.size() / kSectorBytes;
    copy.write_partly(
        *file, FilePosition{operation.position}, operation.data,
        random == nullptr ? SimImage::SectorMask(sectors, true) : some_sectors(sectors, *random));
  } else if (operation.change && (random == nullptr || random->coin())) {
    [[maybe_unused]] const Result<void> told_to_nobody = operation.change(copy, file);
  }
}

std::unique_ptr<SimStorage> SimDisk::clone_with_calls_in_flight(Random* random) const {
  write_back_mappings();
  SimStorage::Copies copies;
  std::unique_ptr<SimStorage> copy = storage_.clone(copies);
  for (const LateWrite& write : late_writes_) {
    if (write.is_running()) write.land_in(*copy, copies);
  }
  for (const Operation* operation : in_flight_) settle_copy(*operation, *copy, copies, random);
  return copy;
}

std::unique_ptr<SimStorage> SimDisk::image(SimCrash how, Random& random) const {
  std::unique_ptr<SimStorage> image = clone_with_calls_in_flight(&random);
  if (how == SimCrash::kPowerCut) image->power_cut(random);
  return image;
}

std::unique_ptr<SimStorage> SimDisk::image_before_power_cut() const {
  return clone_with_calls_in_flight(nullptr);
}

void SimDisk::crash_after(std::uint64_t steps, SimCrash how) {
  PENSTOCK_ASSERT(steps >= steps_, "that moment has passed");
  crash_after_steps_ = steps;
  crash_how_ = how;
}

Task<Result<std::unique_ptr<File>>> SimDisk::open(std::string path, OpenOptions options) {
  SimNode::Pointer node;
  Operation operation{.op = SimOp::kOpen, .path = path};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) -> Result<void> {
    SimNode::Pointer opened;
    return keep(storage.open(path, options), opened);
  };
  operation.effect = [&] { return keep(storage_.open(path, options), node); };
  Result<void> result = co_await perform(operation);
  if (!result) co_return Unexpected(result.error());
  co_return std::make_unique<OpenFile>(*this, std::move(node), std::move(path), options.write);
}

Task<Result<std::unique_ptr<SharedMemory>>> SimDisk::create_shared(std::string path,
                                                                   std::uint64_t size_bytes) {
  SimNode::Pointer node;
  Operation operation{.op = SimOp::kCreateShared, .path = path, .length_bytes = size_bytes};
  const auto create = [&](SimStorage& storage, SimNode::Pointer& file) -> Result<void> {
    auto opened = keep(storage.open(path, {.write = true, .create = true}), file);
    if (!opened) return opened;
    assert_not_mapped(*file);
    storage.truncate(*file, 0);
    if (storage.allocate(*file, size_bytes)) return {};
    return Unexpected(Error::from_errno(ENOSPC, fmt::format("create_shared {}", path)));
  };
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) {
    SimNode::Pointer created;
    return create(storage, created);
  };
  operation.effect = [&] { return create(storage_, node); };
  Result<void> result = co_await perform(operation);
  if (!result) co_return Unexpected(result.error());
  AlignedBuffer memory(size_bytes);
  std::ranges::fill(memory.span(), std::byte{0});
  co_return std::make_unique<Mapping>(*this, std::move(node), std::move(memory));
}

Task<Result<void>> SimDisk::rename(std::string from, std::string to) {
  const std::string both = from + " -> " + to;
  Operation operation{.op = SimOp::kRename, .path = both};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) { return storage.rename(from, to); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::remove(std::string path) {
  Operation operation{.op = SimOp::kRemove, .path = path};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) { return storage.remove(path); };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::remove_directory(std::string path) {
  Operation operation{.op = SimOp::kRemoveDirectory, .path = path};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) {
    return storage.remove_directory(path);
  };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::make_directory(std::string path) {
  Operation operation{.op = SimOp::kMakeDirectory, .path = path};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) {
    return storage.make_directory(path);
  };
  co_return co_await perform(operation);
}

Task<Result<void>> SimDisk::sync_directory(std::string path) {
  const SimStorage::Sequence covered = storage_.sequence();
  Operation operation{.op = SimOp::kSyncDirectory, .path = path};
  operation.change = [&](SimStorage& storage, SimNode* /*file*/) {
    return storage.sync_directory(path, covered);
  };
  co_return co_await perform(operation);
}

Task<Result<std::vector<std::string>>> SimDisk::list(std::string path) {
  std::vector<std::string> names;
  Operation operation{.op = SimOp::kList, .path = path};
  operation.effect = [&] { return keep(storage_.list(path), names); };
  Result<void> result = co_await perform(operation);
  co_return with_value(result, std::move(names));
}

Task<Result<FileInfo>> SimDisk::info(std::string path) {
  FileInfo info;
  Operation operation{.op = SimOp::kInfo, .path = path};
  operation.effect = [&] { return keep(storage_.info(path), info); };
  Result<void> result = co_await perform(operation);
  co_return with_value(result, info);
}

Task<Result<SpaceInfo>> SimDisk::space(std::string path) {
  SpaceInfo space;
  Operation operation{.op = SimOp::kSpace, .path = path};
  operation.effect = [&]() -> Result<void> {
    space = storage_.space();
    return {};
  };
  Result<void> result = co_await perform(operation);
  co_return with_value(result, space);
}

// All but reads and writes: made again while it is turned away, as on the real disks.
Task<Result<void>> SimDisk::perform(Operation& operation) {
  Result<void> result = co_await call(operation);
  for (int i = 0; i < Transfer::kMaxIdleCalls && !result && is_turned_away(result.error().os_error());
       ++i) {
    result = co_await call(operation);
  }
  co_return result;
}

Task<Result<void>> SimDisk::call(Operation& operation) {
  step();
  if (!has_crashed_) {
    draw_fault(operation);
    in_flight_.push_back(&operation);
  }
  const Duration delay = operation.fault ? operation.fault->delay : Duration::zero();
  co_await scheduler_.sleep_for(latency() + delay);
  step();
  Result<void> result = end(operation);
  record(operation, result);
  co_return result;
}

// What happens to a call that starts now: what a test has chosen, or what the seed draws.
void SimDisk::draw_fault(Operation& operation) {
  operation.fault = faults_.next(operation.op, operation.path);
  if (!operation.fault && options_.on_call) {
    operation.fault = options_.on_call(SimCall{.op = operation.op,
                                               .path = operation.path,
                                               .position = operation.position,
                                               .length_bytes = operation.length_bytes,
                                               .file = operation.file.get()});
  }
  Random* random = &fault_random_;
  const bool may_be_disturbed = !operation.fault && options_.disturbed_one_in > 0 &&
                                operation.is_transfer() &&
                                operation.disturbed_count < kMaxDisturbedCalls;
  if (may_be_disturbed && disturbance_random_.one_in(options_.disturbed_one_in)) {
    static constexpr int kTurnedAway[] = {EINTR, EAGAIN, ECANCELED};
    static constexpr SimFaultKind kKinds[] = {SimFaultKind::kError, SimFaultKind::kShort,
                                              SimFaultKind::kNothing};
    random = &disturbance_random_;
    ++operation.disturbed_count;
    operation.fault = SimFault{.op = operation.op,
                               .kind = kKinds[random->below(std::size(kKinds))],
                               .errno_value = kTurnedAway[random->below(std::size(kTurnedAway))]};
  }
  if (!operation.fault) return;
  const std::uint64_t sectors = operation.length_bytes / kSectorBytes;
  if (operation.fault->kind == SimFaultKind::kNothing) operation.granted_bytes = 0;
  if (operation.fault->kind == SimFaultKind::kShort) {
    operation.granted_bytes = sectors < 2 ? 0 : random->between(1, sectors - 1) * kSectorBytes;
  }
}

Result<void> SimDisk::end(Operation& operation) {
  PENSTOCK_ASSERT(operation.op != SimOp::kWrite || crc32c(operation.data) == operation.checksum,
                  "a buffer was changed while it was being written");
  if (has_crashed_) return gone();
  if (operation.op == SimOp::kRead) write_back_mappings();
  in_flight_.remove(&operation);
  return operation.fault ? end_with_fault(operation) : carry_out(operation);
}

Result<void> SimDisk::carry_out(const Operation& operation) {
  return operation.effect ? operation.effect() : operation.change(storage_, operation.file.get());
}

Result<void> SimDisk::end_with_fault(Operation& operation) {
  const SimFault& fault = *operation.fault;
  switch (fault.kind) {
    case SimFaultKind::kSlow:
    case SimFaultKind::kShort:
    case SimFaultKind::kNothing: return carry_out(operation);
    case SimFaultKind::kLost:
    case SimFaultKind::kMisdirected:
    case SimFaultKind::kNotDurable:
      return operation.lie_effect ? operation.lie_effect(fault) : Result<void>();
    case SimFaultKind::kError: break;
  }
  // A sync that was turned away has not begun: it has cost nothing yet.
  const bool has_begun = operation.op == SimOp::kWrite || !is_turned_away(fault.errno_value);
  if (operation.fault_effect && has_begun) operation.fault_effect();
  return Unexpected(Error::from_errno(
      fault.errno_value, fmt::format("{} {} (injected)", to_string(operation.op), operation.path)));
}

void SimDisk::write_back_mappings() const {
  for (Mapping* mapping : mappings_) mapping->write_back();
}

void SimDisk::step() {
  if (has_crashed_) return;
  if (!mappings_.empty() && write_back_random_.one_in(kWriteBackOneIn)) write_back_mappings();
  if (options_.on_step) options_.on_step();
  if (has_crashed_) return;  // by it
  if (steps_ == crash_after_steps_) {
    crash(crash_how_);
  } else {
    ++steps_;
  }
}

Duration SimDisk::latency() {
  if (options_.call_latency && !has_crashed_) return options_.call_latency();
  const Duration drawn{
      latency_random_.between(static_cast<std::uint64_t>(options_.latency_min.count()),
                              static_cast<std::uint64_t>(options_.latency_max.count()))};
  // On a dead machine time still passes, or a loop that has not understood would hang the simulation.
  return has_crashed_ ? std::max<Duration>(drawn, std::chrono::microseconds(1)) : drawn;
}

// None, all, the first few, or any: the ways a write is broken off. Each is drawn often enough to be
// seen.
SimImage::SectorMask SimDisk::some_sectors(std::size_t count, Random& random) {
  SimImage::SectorMask mask(count);
  const std::uint64_t draw = random.below(4);
  const std::uint64_t first_few = draw == 1 ? count : random.between(0, count);
  for (std::size_t i = 0; i < count; ++i) {
    if (draw == 1 || draw == 2) mask[i] = i < first_few;
    if (draw == 3) mask[i] = random.coin();
  }
  return mask;
}

void SimDisk::record(const Operation& operation, const Result<void>& result) {
  fold(static_cast<std::uint64_t>(operation.op));
  fold(crc32c(as_bytes(operation.path)));
  fold(operation.position);
  fold(operation.length_bytes);
  fold(operation.checksum);
  if (operation.granted_bytes < operation.length_bytes) fold(operation.granted_bytes);
  fold(result ? 0 : 1 + static_cast<std::uint64_t>(result.error().code()));
  fold(static_cast<std::uint64_t>(scheduler_.now().since_start.count()));
  if (!options_.trace) return;
  std::string outcome = result ? "ok" : result.error().message();
  if (result && operation.fault) outcome += fmt::format(" ({})", to_string(operation.fault->kind));
  options_.trace(fmt::format("{:>10} us  {} {} [{}, +{}) {}",
                             scheduler_.now().since_start.count() / 1000, to_string(operation.op),
                             operation.path, operation.position, operation.length_bytes, outcome));
}

void SimDisk::assert_not_mapped(const SimNode& file) const {
  for (const Mapping* mapping : mappings_) {
    PENSTOCK_ASSERT(&mapping->file() != &file,
                    "a mapped file is cut: the next store into it would be a SIGBUS");
  }
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
