// rocksdb_write_recorder: scripted writers on a database through penstock:// that write down what was
// acknowledged, and the check of the database after a crash.
//
//   rocksdb_write_recorder run ...     goes on with the database until SIGTERM, then closes it
//   rocksdb_write_recorder check ...   opens the database and compares it with what has to be there
//
// A record, one for each writer, grows by a byte with each operation that is acknowledged, which says
// whether it was synced (write_judge.h). So its size says how far the writer came, also to the next
// `run`, which goes on there.
//
// Exit codes: 0 done or nothing wrong, 1 could not do it, 2 wrong usage, 3 the database breaks a
// promise.
#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/units.h"
#include "test_database.h"
#include "write_judge.h"
#include "write_script.h"

namespace penstock::tests {
namespace {

constexpr int kExitBrokenPromise = 3;
constexpr std::chrono::milliseconds kWriteBackPeriod{5};
constexpr std::uint64_t kLongestPauseUs = 1000;
// Of so many operations one is synced. Where that is rare, more is on its way when the power is cut.
constexpr std::array<std::uint64_t, 4> kSyncPeriods{3, 30, 300, 3000};
constexpr std::string_view kStock = "stock";

// Those that have to open what a power cut left.
constexpr std::array kModes{::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords,
                            ::rocksdb::WALRecoveryMode::kAbsoluteConsistency,
                            ::rocksdb::WALRecoveryMode::kPointInTimeRecovery};

std::unique_ptr<::rocksdb::Env> env_of(const std::string& file_system) {
  if (file_system == kStock) return ::rocksdb::NewCompositeEnv(::rocksdb::FileSystem::Default());
  return env_of_uri(file_system);
}

// Small, so that all that a database does happens often: flushes, compactions, new logs and MANIFESTs.
::rocksdb::Options draw_options(Random& random) {
  ::rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = ::rocksdb::kNoCompression;
  options.write_buffer_size = random.coin() ? 256 * kKiB : 2 * kMiB;
  options.target_file_size_base = 256 * kKiB;
  options.max_bytes_for_level_base = kMiB;
  options.level0_file_num_compaction_trigger = 2;
  options.max_manifest_file_size = 4 * kKiB;
  options.wal_recovery_mode = kModes[random.below(kModes.size())];
  // Without these flushes logs live on, and are opened and replayed once more.
  options.avoid_flush_during_recovery = random.coin();
  options.avoid_flush_during_shutdown = random.coin();
  return options;
}

struct RunOptions {
  std::string directory;
  std::string file_system;
  std::uint64_t seed = 0;
  std::uint64_t options_seed = 0;
  std::vector<std::string> records;
};

std::atomic<bool> is_over = false;

class Writer {
 public:
  // `random`: when to pause and what to sync. Of `period` operations one is synced, and the first.
  Writer(::rocksdb::DB& database, const WriteScript& script, const std::string& record, Random random,
         std::uint64_t period)
      : database_(database), script_(script), random_(random), period_(period) {
    record_ = ::open(record.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record_ < 0) give_up(fmt::format("cannot write {}", record));
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::close(record_); }

  void run() {
    const auto first = static_cast<std::uint64_t>(::lseek(record_, 0, SEEK_END));
    for (std::uint64_t number = first; !is_over; ++number) {
      const bool is_synced = number == first || random_.one_in(period_);
      const ::rocksdb::Status done = write(number, is_synced);
      if (!done.ok()) give_up(fmt::format("operation {}: {}", number, done.ToString()));
      if (::write(record_, is_synced ? &kSynced : &kNotSynced, 1) != 1)
        give_up("cannot record an acknowledgement");
      std::this_thread::sleep_for(std::chrono::microseconds(random_.below(kLongestPauseUs)));
    }
  }

 private:
  ::rocksdb::Status write(std::uint64_t number, bool is_synced) {
    ::rocksdb::WriteBatch batch;
    for (const Change& change : script_.operation(number)) {
      const std::string key = script_.key(change.key);
      if (change.is_delete) {
        (void)batch.Delete(key);
      } else {
        (void)batch.Put(key, script_.value(change.key, number));
      }
    }
    const bool is_synced_afterwards = is_synced && random_.one_in(10);
    ::rocksdb::WriteOptions how;
    how.sync = is_synced && !is_synced_afterwards;
    const ::rocksdb::Status written = database_.Write(how, &batch);
    return written.ok() && is_synced_afterwards ? database_.SyncWAL() : written;
  }

  ::rocksdb::DB& database_;
  const WriteScript script_;
  Random random_;
  const std::uint64_t period_;
  int record_ = -1;
};

// The kernel writes pages back when it likes. Here it does so all the time, or cuts would hardly ever
// find a side file on the device.
void write_pages_back(const std::string& directory, Random random) {
  while (!is_over) {
    std::this_thread::sleep_for(kWriteBackPeriod);
    std::vector<std::string> paths;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory, gone))
      if (entry.path().extension() != ".sst") paths.push_back(entry.path());
    if (paths.empty()) continue;
    const int file = ::open(paths[random.below(paths.size())].c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;  // removed meanwhile
    (void)::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE);
    ::close(file);
  }
}

void run(const RunOptions& run_options) {
  // Before there are threads: they all leave it to this one.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto env = env_of(run_options.file_system);
  Random random(run_options.options_seed);
  ::rocksdb::Options options = draw_options(random);
  options.env = env.get();
  const auto database = open_database(options, run_options.directory);
  const std::uint64_t period = kSyncPeriods[random.below(kSyncPeriods.size())];
  std::vector<std::jthread> threads;
  threads.emplace_back(write_pages_back, run_options.directory, random.split());
  for (std::uint32_t i = 0; i < run_options.records.size(); ++i) {
    threads.emplace_back([&, i, draws = random.split()] {
      Writer(*database, WriteScript(run_options.seed, i), run_options.records[i], draws, period).run();
    });
  }
  int signal = 0;
  ::sigwait(&ends, &signal);
  is_over = true;
  threads.clear();
  if (const ::rocksdb::Status closed = database->Close(); !closed.ok()) give_up(closed.ToString());
}

struct CheckOptions {
  std::string directory;
  std::string file_system;
  std::string second_file_system;
  std::uint64_t seed = 0;
  std::uint64_t options_seed = 0;
  std::vector<std::string> records;
  std::vector<std::uint64_t> sizes;  // of the records before the cut
};

Contents contents_of(::rocksdb::DB& database) {
  Contents contents;
  const std::unique_ptr<::rocksdb::Iterator> it(database.NewIterator({}));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    contents.emplace(it->key().ToString(), it->value().ToString());
  if (!it->status().ok()) give_up(fmt::format("reading: {}", it->status().ToString()));
  return contents;
}

// Opens it, calls `look` and closes it.
template <typename Look>
void with_database(const CheckOptions& check, const std::string& file_system, const Look& look) {
  const auto env = env_of(file_system);
  Random random(check.options_seed);
  ::rocksdb::Options options = draw_options(random);
  options.env = env.get();
  const auto database = open_database(options, check.directory);
  look(*database);
  if (const ::rocksdb::Status closed = database->Close(); !closed.ok()) give_up(closed.ToString());
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int check(const CheckOptions& options) {
  std::vector<Progress> writers;
  for (std::size_t i = 0; i < options.records.size(); ++i) {
    std::string record = read_whole(options.records[i]);
    // One more was begun than is recorded.
    const std::uint64_t begun = record.size() + 1;
    record.resize(options.sizes[i]);
    writers.push_back({.acknowledged = std::move(record), .begun = begun});
  }
  Verdict verdict;
  Contents contents;
  with_database(options, options.file_system, [&](::rocksdb::DB& database) {
    contents = contents_of(database);
    verdict = judge(options.seed, writers, contents);
    // And it goes on.
    contents["opened"] = options.file_system;
    const ::rocksdb::Status put = database.Put({}, "opened", options.file_system);
    if (!put.ok()) give_up(put.ToString());
  });
  with_database(options, options.second_file_system, [&](::rocksdb::DB& database) {
    if (contents_of(database) == contents) return;
    ++verdict.finding_count;
    verdict.findings.push_back(
        fmt::format("opened again through {} it holds something else", options.second_file_system));
  });
  for (const std::string& finding : verdict.findings) fmt::print("{}\n", finding);
  fmt::print("required {} findings {}\n", verdict.required_count, verdict.finding_count);
  return verdict.finding_count == 0 ? 0 : kExitBrokenPromise;
}

// The options that both commands have.
template <typename Options>
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& what,
                      Options& options) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->add_option("--database", options.directory, "its directory")->required();
  command->add_option("--file-system", options.file_system, "penstock://..., or stock")->required();
  command->add_option("--seed", options.seed, "of the writers' scripts")->required();
  command->add_option("--options-seed", options.options_seed, "of RocksDB's options")->required();
  return command;
}

int run_program(int argc, char** argv) {
  CLI::App app("Writes to a database and records what is acknowledged, or checks it against that.");
  app.require_subcommand(1);
  RunOptions running;
  CLI::App* const run_command = add_command(app, "run", "write until SIGTERM", running);
  run_command->add_option("records", running.records, "one for each writer")->required();
  CheckOptions checked;
  CLI::App* const check_command = add_command(app, "check", "open and compare", checked);
  check_command->add_option("--then", checked.second_file_system, "opens it afterwards")->required();
  check_command->add_option("--record", checked.records, "one for each writer")->required();
  check_command->add_option("--size", checked.sizes, "of each record before the cut")->required();
  try {
    app.parse(argc, argv);
    if (check_command->parsed() && checked.sizes.size() != checked.records.size())
      throw CLI::ValidationError("--size", "as many as records");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (check_command->parsed()) return check(checked);
  run(running);
  return 0;
}

}  // namespace
}  // namespace penstock::tests

int main(int argc, char** argv) { return penstock::tests::run_program(argc, argv); }
