// kill -9 of a database under eight writers, again and again: no acknowledged write is missing, synced
// or not, in whichever recovery mode the database opens.
//
//     rocksdb_kill_test DIRECTORY ROUNDS [SEED]
//
// Each round forks a process that writes and is killed, and one that opens and looks; this one has
// neither threads nor a database, so that it can fork.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/random.h"
#include "test_database.h"

namespace {

using penstock::tests::env_of_uri;
using penstock::tests::give_up;
using penstock::tests::open_database;

constexpr std::size_t kWriters = 8;
constexpr std::uint64_t kShortestRunMs = 20;
constexpr std::uint64_t kLongestRunMs = 600;
// Of each writer's keys: the newest, which a crash would take, and as many of all.
constexpr std::uint64_t kKeysLookedAt = 3000;
constexpr std::array kModes{rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords,
                            rocksdb::WALRecoveryMode::kAbsoluteConsistency,
                            rocksdb::WALRecoveryMode::kPointInTimeRecovery,
                            rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords};

// Shared with the children.
struct Acknowledged {
  std::array<std::atomic<std::uint64_t>, kWriters> counts;
};

std::string key_of(std::size_t writer, std::uint64_t i) { return fmt::format("{}/{:09}", writer, i); }
std::string value_of(std::size_t writer, std::uint64_t i) {
  return fmt::format("{:x}", penstock::mix64(i * kWriters + writer)).append(i % 700, 'v');
}

std::unique_ptr<rocksdb::DB> open(const std::string& directory, rocksdb::WALRecoveryMode mode) {
  // For as long as the process lives.
  static const std::unique_ptr<rocksdb::Env> env = env_of_uri("penstock://");
  rocksdb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  options.write_buffer_size = 4 << 20;
  options.wal_recovery_mode = mode;
  return open_database(options, directory);
}

[[noreturn]] void write_for_ever(const std::string& directory, Acknowledged& acknowledged, bool sync) {
  const auto database = open(directory, rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  const auto write = [&](std::size_t writer) {
    rocksdb::WriteOptions how;
    how.sync = sync;
    std::atomic<std::uint64_t>& count = acknowledged.counts[writer];
    for (std::uint64_t i = count.load();; ++i) {
      const rocksdb::Status put = database->Put(how, key_of(writer, i), value_of(writer, i));
      if (!put.ok()) give_up(put.ToString());
      count.store(i + 1);
    }
  };
  std::vector<std::thread> writers;
  for (std::size_t writer = 0; writer < kWriters; ++writer) writers.emplace_back(write, writer);
  writers.front().join();
  give_up("a writer has ended");
}

[[noreturn]] void look(const std::string& directory, const Acknowledged& acknowledged,
                       rocksdb::WALRecoveryMode mode, std::uint64_t seed) {
  const auto database = open(directory, mode);
  penstock::Random random(seed);
  for (std::size_t writer = 0; writer < kWriters; ++writer) {
    const std::uint64_t count = acknowledged.counts[writer].load();
    for (std::uint64_t looked = 0; looked < std::min(2 * kKeysLookedAt, count); ++looked) {
      const std::uint64_t i = looked < kKeysLookedAt ? count - 1 - looked : random.below(count);
      std::string value;
      const rocksdb::Status got = database->Get({}, key_of(writer, i), &value);
      if (!got.ok() || value != value_of(writer, i)) {
        give_up(fmt::format("acknowledged, and missing in mode {}: {} of {} ({})",
                            static_cast<int>(mode), key_of(writer, i), count, got.ToString()));
      }
    }
  }
  std::_Exit(0);
}

std::uint64_t number_of(const char* text) {
  std::uint64_t number = 0;
  const std::string_view view(text);
  if (std::from_chars(view.data(), view.data() + view.size(), number).ec != std::errc())
    give_up(fmt::format("'{}' is not a number", view));
  return number;
}

void run_round(const std::string& directory, Acknowledged& acknowledged, std::uint64_t round,
               penstock::Random& random) {
  const bool sync = round % 2 == 1;
  const auto mode = kModes[round / 2 % kModes.size()];
  const std::uint64_t seed = random.next();
  const pid_t writing = ::fork();
  if (writing == 0) write_for_ever(directory, acknowledged, sync);
  const std::uint64_t run_ms = random.between(kShortestRunMs, kLongestRunMs);
  std::this_thread::sleep_for(std::chrono::milliseconds(run_ms));
  ::kill(writing, SIGKILL);
  int status = 0;
  ::waitpid(writing, &status, 0);
  if (!WIFSIGNALED(status)) give_up(fmt::format("round {}: the writers ended by themselves", round));
  const pid_t looking = ::fork();
  if (looking == 0) look(directory, acknowledged, mode, seed);
  ::waitpid(looking, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    give_up(fmt::format("round {} (sync={}) failed; the database is in {}", round, sync, directory));
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 3) give_up("usage: rocksdb_kill_test DIRECTORY ROUNDS [SEED]");
  const std::string directory = arguments[1];
  const std::uint64_t rounds = number_of(arguments[2]);
  const std::uint64_t seed = argument_count > 3 ? number_of(arguments[3]) : 1;
  std::filesystem::create_directories(directory);
  void* const shared =
      ::mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) give_up("cannot map shared memory");
  auto& acknowledged = *new (shared) Acknowledged{};
  penstock::Random random(seed);
  for (std::uint64_t round = 0; round < rounds; ++round)
    run_round(directory, acknowledged, round, random);
  std::uint64_t total = 0;
  for (const auto& count : acknowledged.counts) total += count.load();
  fmt::print("{} kills, half of them with synced writes; {} writes acknowledged, none missing\n",
             rounds, total);
  std::filesystem::remove_all(directory);
  return 0;
}
