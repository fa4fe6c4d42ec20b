#include "catalog/rocks_catalog.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "base/units.h"
#include "penstock/rocksdb.h"

namespace penstock::catalog {

namespace db = ::rocksdb;

namespace {

// A group is one RocksDB write; more than that gains nothing, and the next one need not wait for it.
constexpr std::size_t kMaxGroup = 4096;
constexpr std::size_t kMaxGroupBytes = 1U << 20;  // but for a single one that is larger

constexpr std::size_t kBlockCacheBytes = 8U << 20;
// What is written at once is at most this, and little more; see SpaceReserve.
constexpr std::size_t kMemtableBytes = 1U << 20;

ErrorCode code_of(const db::Status& status) {
  if (status.IsNoSpace()) return ErrorCode::kNoSpace;
  if (status.IsCorruption()) return ErrorCode::kCorrupt;
  if (status.IsNotFound() || status.IsPathNotFound()) return ErrorCode::kNotFound;
  if (status.IsNotSupported()) return ErrorCode::kNotSupported;
  return ErrorCode::kIo;
}

Error to_error(const db::Status& status, std::string_view doing) {
  return Error(code_of(status), fmt::format("{}: {}", doing, status.ToString()));
}

Result<void> to_result(const db::Status& status, std::string_view doing) {
  if (!status.ok()) return Unexpected(to_error(status, doing));
  return {};
}

// Synced in small pieces, and small in all.
Result<std::shared_ptr<db::FileSystem>> make_file_system(RequestedIoMode mode) {
  rocksdb::DirectFileSystemOptions options;
  options.mode = mode;
  options.readahead_bytes = 256 * kKiB;
  options.readahead_memory_bytes = kMiB;
  options.write_buffer_bytes = 256 * kKiB;
  options.warm_output_bytes = 0;  // the block cache holds all there is
  options.side_file_bytes = 256 * kKiB;
  options.log_step_bytes = 256 * kKiB;
  return rocksdb::NewDirectFileSystem(options);
}

db::Options make_options(db::Env& env) {
  db::BlockBasedTableOptions table;
  table.block_cache = db::NewLRUCache(kBlockCacheBytes);
  db::Options options;
  options.env = &env;
  options.create_if_missing = true;
  options.table_factory.reset(db::NewBlockBasedTableFactory(table));
  options.compression = db::kNoCompression;
  options.write_buffer_size = kMemtableBytes;
  options.max_total_wal_size = 4 * kMemtableBytes;
  options.max_background_jobs = 2;
  options.allow_fallocate = false;  // of megabytes ahead, which a full disk does not have
  // Every write here was acknowledged after a sync. Damage in front of an intact one is a loss, to be
  // told; RocksDB's default would open the state before it without a word.
  options.wal_recovery_mode = db::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.info_log_level = db::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1U << 20;
  return options;
}

// The first key behind all that begin with `prefix`.
std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  PENSTOCK_ASSERT(!prefix.empty(), "a prefix that everything may begin with");
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

db::Status add_step(db::WriteBatch& batch, const Change::Step& step) {
  switch (step.kind) {
    case Change::Kind::kPut: return batch.Put(step.key, step.value);
    case Change::Kind::kErase: return batch.Delete(step.key);
    case Change::Kind::kErasePrefix: return batch.DeleteRange(step.key, end_of_prefix(step.key));
  }
  return db::Status::InvalidArgument();
}

Error cannot_open(const db::Status& status, const std::string& directory) {
  Error error = to_error(status, fmt::format("open the catalog in {}", directory));
  if (error.code() != ErrorCode::kCorrupt) return error;
  return Error(
      ErrorCode::kCorrupt,
      fmt::format("{}; restore the directory from a copy. Without one, move it away and describe "
                  "each topic again (docs/format.md, \"topic.json\"): the messages are not in "
                  "it, but consumer groups and their offsets are",
                  error.message()));
}

}  // namespace

// A write in line, in the frame of its coroutine.
class RocksCatalog::Waiting final : public Mail {
 public:
  Waiting(RocksCatalog& catalog, Scheduler& home, const Change& change)
      : catalog_(catalog), home_(home), change_(change) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    catalog_.enqueue(*this);
  }
  Result<void> await_resume() { return std::move(result_); }

  const Change& change() const { return change_; }
  // After which it may be gone.
  void answer(const Result<void>& result) {
    result_ = result;
    home_.post(*this);
  }

 private:
  void deliver() override { home_.ready(awaiter_); }

  RocksCatalog& catalog_;
  Scheduler& home_;
  const Change& change_;
  std::coroutine_handle<> awaiter_;
  Result<void> result_;
};

RocksCatalog::RocksCatalog(std::unique_ptr<db::Env> env, std::unique_ptr<db::DB> database,
                           SpaceReserve reserve)
    : env_(std::move(env)), database_(std::move(database)), reserve_(std::move(reserve)) {}

RocksCatalog::~RocksCatalog() {
  pool_.finish_submitted();
  (void)database_->Close();  // everything was synced when it was acknowledged
}

Result<std::unique_ptr<RocksCatalog>> RocksCatalog::open(const std::string& directory,
                                                         RequestedIoMode mode) {
  SpaceReserve reserve(directory);
  if (auto room = reserve.make_room(0); !room) return Unexpected(room.error());
  return open(directory, mode, std::move(reserve), Access::kWrite);
}

Result<std::unique_ptr<RocksCatalog>> RocksCatalog::open_to_read(const std::string& directory) {
  return open(directory, RequestedIoMode::kAuto, SpaceReserve(directory), Access::kRead);
}

Result<std::unique_ptr<RocksCatalog>> RocksCatalog::open(const std::string& directory,
                                                         RequestedIoMode mode, SpaceReserve reserve,
                                                         Access access) {
  auto file_system = make_file_system(mode);
  if (!file_system) return Unexpected(file_system.error());
  std::unique_ptr<db::Env> env = db::NewCompositeEnv(*file_system);
  db::Options options = make_options(*env);
  options.create_if_missing = access == Access::kWrite;
  db::DB* database = nullptr;
  const db::Status status = access == Access::kWrite
                                ? db::DB::Open(options, directory, &database)
                                : db::DB::OpenForReadOnly(options, directory, &database);
  if (!status.ok()) return Unexpected(cannot_open(status, directory));
  return std::unique_ptr<RocksCatalog>(
      new RocksCatalog(std::move(env), std::unique_ptr<db::DB>(database), std::move(reserve)));
}

Task<Result<void>> RocksCatalog::write(Scheduler& home, Change change) {
  if (change.empty()) co_return Result<void>();
  Waiting waiting(*this, home, change);
  co_return co_await waiting;
}

Task<Result<std::vector<Entry>>> RocksCatalog::scan(Scheduler& home, std::string prefix) {
  const BlockingExecutor executor{.pool = &pool_, .scheduler = &home};
  auto scan = [this, &prefix] { return scan_now(prefix); };
  BlockingCall call(executor, scan);
  co_return co_await call;
}

Result<std::vector<Entry>> RocksCatalog::scan_now(const std::string& prefix) const {
  std::vector<Entry> entries;
  const std::unique_ptr<db::Iterator> iterator(database_->NewIterator(db::ReadOptions()));
  for (iterator->Seek(prefix); iterator->Valid() && iterator->key().starts_with(prefix);
       iterator->Next()) {
    entries.push_back({iterator->key().ToString(), iterator->value().ToString()});
  }
  if (auto read = to_result(iterator->status(), "read the catalog"); !read)
    return Unexpected(read.error());
  return entries;
}

void RocksCatalog::enqueue(Waiting& waiting) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&waiting);
    if (is_draining_) return;
    is_draining_ = true;
  }
  pool_.submit(drain_);
}

std::list<RocksCatalog::Waiting*> RocksCatalog::take_group() {
  const std::lock_guard lock(mutex_);
  std::list<Waiting*> group;
  std::size_t bytes = 0;
  while (!waiting_.empty() && group.size() < kMaxGroup && bytes < kMaxGroupBytes) {
    bytes += waiting_.front()->change().size_bytes();
    group.splice(group.end(), waiting_, waiting_.begin());
  }
  if (group.empty()) is_draining_ = false;
  return group;
}

void RocksCatalog::drain() {
  for (std::list<Waiting*> group = take_group(); !group.empty(); group = take_group()) {
    const Result<void> written = write_group(group);
    (written ? writes_ : failed_writes_).fetch_add(group.size(), std::memory_order_relaxed);
    for (Waiting* waiting : group) waiting->answer(written);
  }
}

Result<void> RocksCatalog::write_group(const std::list<Waiting*>& group) {
  std::size_t bytes = 0;
  for (const Waiting* waiting : group) bytes += waiting->change().size_bytes();
  if (auto room = reserve_.make_room(bytes); !room) return room;
  db::WriteBatch batch;
  for (const Waiting* waiting : group) {
    for (const Change::Step& step : waiting->change().steps()) {
      if (const db::Status added = add_step(batch, step); !added.ok())
        return Unexpected(to_error(added, "change the catalog"));
    }
  }
  db::WriteOptions options;
  options.sync = true;
  syncs_.fetch_add(1, std::memory_order_relaxed);
  return to_result(database_->Write(options, &batch), "write to the catalog");
}

RocksCatalogStats RocksCatalog::stats() const {
  return {.writes = writes_.load(std::memory_order_relaxed),
          .syncs = syncs_.load(std::memory_order_relaxed),
          .failed_writes = failed_writes_.load(std::memory_order_relaxed)};
}

}  // namespace penstock::catalog
