// RocksCatalog: the catalog in a RocksDB database, whose files go past the page cache as all others do
// (penstock/rocksdb.h).
//
// RocksDB blocks, so it is called on a thread of its own. Writes that come while one is being synced
// wait in line and leave together, in one sync (group commit, as the log does it). A waiting write
// lives in the frame of the coroutine that waits for it, so the line is as long as the callers' own
// limits let it be.
//
// Ownership: must outlive every call; and a scheduler that called it must outlive finish(). Threading:
// any thread. Durability: a write returns when RocksDB's WAL has been synced.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "catalog/catalog.h"
#include "catalog/space_reserve.h"
#include "disk/worker_pool.h"
#include "penstock/io_mode.h"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace penstock::catalog {

struct RocksCatalogStats {
  std::uint64_t writes = 0;         // changes that were asked for and are durable
  std::uint64_t syncs = 0;          // what they took
  std::uint64_t failed_writes = 0;  // changes that were refused
};

class RocksCatalog final : public Catalog {
 public:
  // Opens the database in `directory`, which exists, and makes it when there is none. Blocks. Errors:
  // kCorrupt, kNoSpace, kNotSupported (the mode), kIo (another process has it, too); the message says
  // what to do.
  static Result<std::unique_ptr<RocksCatalog>> open(const std::string& directory,
                                                    RequestedIoMode mode = RequestedIoMode::kAuto);
  // The same for reading only, beside nobody else's writes or beside a server's.
  static Result<std::unique_ptr<RocksCatalog>> open_to_read(const std::string& directory);
  ~RocksCatalog() override;

  Task<Result<void>> write(Scheduler& home, Change change) override;
  Task<Result<std::vector<Entry>>> scan(Scheduler& home, std::string prefix) override;
  // The same without a scheduler, on the calling thread.
  Result<std::vector<Entry>> scan_now(const std::string& prefix) const;

  // Blocks until every call so far has ended on the catalog's thread.
  void finish() { pool_.finish_submitted(); }

  // Any thread.
  RocksCatalogStats stats() const;

 private:
  class Waiting;
  // Writes what waits in line.
  class Drain final : public WorkerPool::Job {
   public:
    explicit Drain(RocksCatalog& catalog) : catalog_(catalog) {}
    void run() override { catalog_.drain(); }

   private:
    RocksCatalog& catalog_;
  };

  enum class Access { kRead, kWrite };

  RocksCatalog(std::unique_ptr<::rocksdb::Env> env, std::unique_ptr<::rocksdb::DB> database,
               SpaceReserve reserve);
  static Result<std::unique_ptr<RocksCatalog>> open(const std::string& directory, RequestedIoMode mode,
                                                    SpaceReserve reserve, Access access);

  void enqueue(Waiting& waiting);
  void drain();
  std::list<Waiting*> take_group();
  Result<void> write_group(const std::list<Waiting*>& group);

  std::unique_ptr<::rocksdb::Env> env_;
  std::unique_ptr<::rocksdb::DB> database_;
  SpaceReserve reserve_;  // the catalog thread's
  std::mutex mutex_;
  std::list<Waiting*> waiting_;
  bool is_draining_ = false;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> syncs_{0};
  std::atomic<std::uint64_t> failed_writes_{0};
  Drain drain_{*this};
  WorkerPool pool_{1};  // last: its end waits for what runs there
};

}  // namespace penstock::catalog
