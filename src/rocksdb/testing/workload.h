// A program that does with RocksDB what programs do, and tells what it saw: the same on every file
// system, byte for byte.
#pragma once

#include <rocksdb/merge_operator.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/utilities/transaction_db.h>

#include <filesystem>

#include "base/random.h"
#include "rocksdb/testing/database.h"

namespace penstock::rocksdb {

class Joined final : public db::AssociativeMergeOperator {
 public:
  bool Merge(const db::Slice& /*key*/, const db::Slice* before, const db::Slice& added,
             std::string* after, db::Logger* /*logger*/) const override {
    *after = (before == nullptr ? "" : before->ToString() + ",") + added.ToString();
    return true;
  }
  const char* Name() const override { return "Joined"; }
};

// Puts, deletes and merges drawn from `seed`, some synced, with flushes among them.
inline void change(db::DB& database, db::ColumnFamilyHandle* family, std::uint64_t seed, int changes) {
  Random random(seed);
  for (int i = 0; i < changes; ++i) {
    const std::string key = "key" + std::to_string(random.below(500));
    db::WriteOptions how;
    how.sync = random.below(40) == 0;
    const std::uint64_t what = random.below(10);
    if (what < 6) {
      const std::string value(random.below(900), static_cast<char>('a' + random.below(26)));
      EXPECT_OK(database.Put(how, family, key, value));
    } else if (what < 8) {
      EXPECT_OK(database.Merge(how, family, key, "m" + std::to_string(i)));
    } else if (what < 9) {
      EXPECT_OK(database.Delete(how, family, key));
    } else {
      EXPECT_OK(database.DeleteRange(how, family, key, key + "5"));
    }
    if (random.below(300) == 0) EXPECT_OK(database.Flush({}, family));
  }
}

inline std::string dump_of(db::DB& database, db::ColumnFamilyHandle* family,
                           const db::ReadOptions& how = {}) {
  std::string text;
  const std::unique_ptr<db::Iterator> it(database.NewIterator(how, family));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    text += it->key().ToString() + "=" + it->value().ToString() + "\n";
  EXPECT_OK(it->status());
  for (it->SeekForPrev("key3"); it->Valid() && text.size() < (4U << 20); it->Prev())
    text += it->key().ToString();
  return text;
}

class Workload {
 public:
  Workload(const TestEnv& env, std::string path, db::WALRecoveryMode mode)
      : env_(env), path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    options_ = options_on(env_);
    options_.wal_recovery_mode = mode;
    options_.create_missing_column_families = true;
    options_.merge_operator = std::make_shared<Joined>();
    options_.WAL_ttl_seconds = 3600;  // logs are archived, by a rename, for GetUpdatesSince
    options_.level0_file_num_compaction_trigger = 2;
  }

  const db::Options& options() const { return options_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  // Everything, one after the other.
  std::string run() {
    std::string seen = families_and_snapshots();
    seen += updates();
    seen += copies();
    seen += ingested();
    seen += other_instances();
    seen += transactions();
    seen += scans_and_batches();
    return seen;
  }

  std::string families_and_snapshots() {
    Opened opened(*this, "main");
    change(opened.get(), opened.family(0), 1, 1500);
    const db::Snapshot* const snapshot = opened.get().GetSnapshot();
    change(opened.get(), opened.family(0), 2, 1500);
    change(opened.get(), opened.family(1), 3, 1500);
    db::ReadOptions then;
    then.snapshot = snapshot;
    std::string seen = dump_of(opened.get(), opened.family(0), then);
    opened.get().ReleaseSnapshot(snapshot);
    EXPECT_OK(opened.get().CompactRange({}, opened.family(1), nullptr, nullptr));
    seen += dump_of(opened.get(), opened.family(0)) + dump_of(opened.get(), opened.family(1));
    std::vector<std::string> values;
    std::vector<std::string> keys;
    for (int i = 0; i < 60; ++i) keys.push_back("key" + std::to_string(i * 7));
    const std::vector<db::Slice> slices(keys.begin(), keys.end());
    const auto statuses = opened.get().MultiGet({}, slices, &values);
    for (std::size_t i = 0; i < values.size(); ++i) seen += statuses[i].ToString() + values[i];
    return seen;
  }

  // From the device, because there is no block cache: scans that read ahead by themselves, and batches
  // that hit several tables.
  std::string scans_and_batches() {
    db::Options options = options_on(env_);
    db::BlockBasedTableOptions table;
    table.no_block_cache = true;
    options.table_factory.reset(db::NewBlockBasedTableFactory(table));
    options.target_file_size_base = 256 << 10;
    const auto database = open_database(options, path_of("scans"));
    Random random(8);
    const auto key_of = [](std::uint64_t i) { return std::to_string(100'000 + i); };
    constexpr std::uint64_t kKeys = 6000;
    for (std::uint64_t i = 0; i < kKeys; ++i)
      EXPECT_OK(database->Put({}, key_of(i * 7919 % kKeys), std::string(400, static_cast<char>(i))));
    EXPECT_OK(database->CompactRange({}, nullptr, nullptr));
    for (std::uint64_t i = 0; i < kKeys; i += 5) EXPECT_OK(database->Put({}, key_of(i), "newer"));
    EXPECT_OK(database->Flush({}));
    std::string seen;
    for (const bool is_async : {false, true}) {
      db::ReadOptions how;
      how.async_io = is_async;
      for (int scan = 0; scan < 40; ++scan) {
        const std::unique_ptr<db::Iterator> it(database->NewIterator(how));
        it->Seek(key_of(random.below(kKeys)));
        for (int i = 0; i < 150 * (scan % 4) && it->Valid(); ++i, it->Next())
          seen += it->key().ToString() + it->value().ToString().substr(0, 8);
        EXPECT_OK(it->status());
      }
      for (int batch = 0; batch < 20; ++batch) {
        std::vector<std::string> keys;
        for (int i = 0; i < 32; ++i) keys.push_back(key_of(random.below(kKeys + 100)));
        const std::vector<db::Slice> slices(keys.begin(), keys.end());
        std::vector<db::PinnableSlice> values(slices.size());
        std::vector<db::Status> statuses(slices.size());
        database->MultiGet(how, database->DefaultColumnFamily(), slices.size(), slices.data(),
                           values.data(), statuses.data());
        for (std::size_t i = 0; i < values.size(); ++i)
          seen += statuses[i].ToString() + values[i].ToString().substr(0, 8);
      }
    }
    return seen;
  }

  std::string dump_main() {
    Opened opened(*this, "main");
    EXPECT_OK(opened.get().VerifyChecksum());
    return dump_of(opened.get(), opened.family(0)) + dump_of(opened.get(), opened.family(1));
  }

  std::string updates() {
    Opened opened(*this, "main");
    std::unique_ptr<db::TransactionLogIterator> it;
    std::string seen;
    change(opened.get(), opened.family(0), 4, 200);  // some of it in a log that is open
    EXPECT_OK(opened.get().GetUpdatesSince(1, &it));
    for (; it->Valid(); it->Next()) {
      const db::BatchResult batch = it->GetBatch();
      seen += std::to_string(batch.sequence) + batch.writeBatchPtr->Data();
    }
    EXPECT_OK(it->status());
    return seen;
  }

  std::string copies() {
    std::string seen;
    {
      Opened opened(*this, "main");
      change(opened.get(), opened.family(0), 5, 300);
      db::Checkpoint* made = nullptr;
      EXPECT_OK(db::Checkpoint::Create(&opened.get(), &made));
      const std::unique_ptr<db::Checkpoint> checkpoint(made);
      // With logs in it, which are copied or linked while they are open.
      EXPECT_OK(checkpoint->CreateCheckpoint(path_of("checkpoint"), UINT64_MAX));
      db::BackupEngine* engine = nullptr;
      const db::BackupEngineOptions backup_options(path_of("backup"), env_.env.get());
      EXPECT_OK(db::BackupEngine::Open(backup_options, env_.env.get(), &engine));
      const std::unique_ptr<db::BackupEngine> backup(engine);
      EXPECT_OK(backup->CreateNewBackup(&opened.get(), /*flush_before_backup=*/false));
      change(opened.get(), opened.family(0), 6, 300);
      EXPECT_OK(backup->VerifyBackup(1, /*verify_with_checksum=*/true));
      EXPECT_OK(backup->RestoreDBFromLatestBackup(path_of("restored"), path_of("restored")));
      seen += dump_of(opened.get(), opened.family(0));
    }
    for (const std::string name : {"checkpoint", "restored"}) {
      Opened copy(*this, name);
      seen += dump_of(copy.get(), copy.family(0)) + dump_of(copy.get(), copy.family(1));
    }
    return seen;
  }

  std::string ingested() {
    db::SstFileWriter writer(db::EnvOptions(), options_);
    EXPECT_OK(writer.Open(path_of("table.sst")));
    for (int i = 100; i < 900; ++i)
      EXPECT_OK(writer.Put("ingested" + std::to_string(i), std::string(300, 'i')));
    EXPECT_OK(writer.Finish());
    Opened opened(*this, "main");
    db::IngestExternalFileOptions how;
    how.move_files = true;
    EXPECT_OK(opened.get().IngestExternalFile(opened.family(0), {path_of("table.sst")}, how));
    return dump_of(opened.get(), opened.family(0));
  }

  std::string other_instances() {
    Opened opened(*this, "main");
    change(opened.get(), opened.family(0), 7, 200);
    // A reader that opens meanwhile does not expect tables to go.
    EXPECT_OK(opened.get().DisableFileDeletions());
    std::string seen = seen_by_reader(/*is_secondary=*/false);
    seen += seen_by_reader(/*is_secondary=*/true);
    return seen;
  }

  std::string transactions() {
    db::TransactionDB* made = nullptr;
    EXPECT_OK(db::TransactionDB::Open(options_, {}, path_of("transactions"), &made));
    const std::unique_ptr<db::TransactionDB> database(made);
    for (int i = 0; i < 50; ++i) {
      const std::unique_ptr<db::Transaction> transaction(database->BeginTransaction({}));
      EXPECT_OK(transaction->Put("t" + std::to_string(i), "value"));
      EXPECT_OK(transaction->SetName("name" + std::to_string(i)));
      EXPECT_OK(transaction->Prepare());
      EXPECT_OK(i % 3 == 0 ? transaction->Rollback() : transaction->Commit());
    }
    return dump_of(*database, database->DefaultColumnFamily());
  }

 private:
  // A database with two column families.
  class Opened {
   public:
    Opened(const Workload& workload, const std::string& name) {
      const std::vector<db::ColumnFamilyDescriptor> families{
          {db::kDefaultColumnFamilyName, workload.options_}, {"second", workload.options_}};
      db::DB* made = nullptr;
      EXPECT_OK(db::DB::Open(workload.options_, workload.path_of(name), families, &families_, &made));
      database_.reset(made);
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    ~Opened() {
      for (db::ColumnFamilyHandle* family : families_)
        EXPECT_OK(database_->DestroyColumnFamilyHandle(family));
    }
    db::DB& get() { return *database_; }
    db::ColumnFamilyHandle* family(std::size_t i) { return families_[i]; }

   private:
    std::unique_ptr<db::DB> database_;
    std::vector<db::ColumnFamilyHandle*> families_;
  };

  std::string seen_by_reader(bool is_secondary) const {
    db::DB* made = nullptr;
    db::Options options = options_;
    options.max_open_files = -1;
    if (is_secondary) {
      EXPECT_OK(db::DB::OpenAsSecondary(options, path_of("main"), path_of("secondary"), &made));
    } else {
      EXPECT_OK(db::DB::OpenForReadOnly(options, path_of("main"), &made));
    }
    const std::unique_ptr<db::DB> reader(made);
    if (is_secondary) EXPECT_OK(reader->TryCatchUpWithPrimary());
    return dump_of(*reader, reader->DefaultColumnFamily());
  }

  const TestEnv& env_;
  std::string path_;
  db::Options options_;
};

}  // namespace penstock::rocksdb
